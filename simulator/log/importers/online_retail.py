"""UCI Online Retail: invoices of one shop, 2010-12 to 2011-12, with prices, repeat purchases and
cancellations.

There are no clicks. The first purchase of an item by a customer opens a journey and is its first pay;
purchases of that item inside the attribution window are repurchases, the first one after it opens the next
journey.
"""

from __future__ import annotations

import duckdb

from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys
from simulator.log.importers.source import Layout
from simulator.log.intake.touches import log_bucket
from simulator.units import DAY

_COUNTERS = {
    "user_pays": ("customer", "NOT cancels"),
    "user_refunds": ("customer", "cancels"),
    "item_pays": ("item_id", "NOT cancels"),
    "item_refunds": ("item_id", "cancels"),
}

_PARSE = """
CREATE TABLE parsed AS
SELECT *, starts_with(invoice, 'C') AS cancels, CASE
    WHEN invoice IS NULL OR item IS NULL OR quantity IS NULL OR time IS NULL OR price IS NULL
        OR NOT isfinite(price) THEN 'a value is missing or cannot be read'
    WHEN customer IS NULL THEN 'no customer'
    WHEN starts_with(invoice, 'C') AND quantity >= 0 THEN 'cancellation whose quantity is not negative'
    WHEN NOT starts_with(invoice, 'C') AND quantity <= 0 THEN 'quantity is not positive'
    WHEN price <= 0 THEN 'price is not positive' END AS reason
FROM (
    SELECT line,
        trim(InvoiceNo) AS invoice,
        trim(StockCode) AS item,
        TRY_CAST(Quantity AS BIGINT) AS quantity,
        epoch_us(try_strptime(
            trim(InvoiceDate), ['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M', '%m/%d/%Y %H:%M'])) AS time,
        TRY_CAST(UnitPrice AS DOUBLE) AS price,
        TRY_CAST(TRY_CAST(CustomerID AS DOUBLE) AS BIGINT) AS customer,
        coalesce(trim(Country), '') AS country,
        CAST(source AS VARCHAR) AS source_row
    FROM source)
"""

_MATCH = """
CREATE TABLE refunds AS
SELECT cancellation.*, pay.click_id FROM cancellations AS cancellation LEFT JOIN pays AS pay
ON pay.customer = cancellation.customer AND pay.item_id = cancellation.item_id
    AND pay.time <= cancellation.time AND pay.quantity >= -cancellation.quantity
QUALIFY row_number() OVER (PARTITION BY cancellation.line
    ORDER BY pay.quantity = -cancellation.quantity DESC NULLS LAST, pay.time DESC, pay.line DESC) = 1
"""


EXAMPLE = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,"HOLDER, WHITE",6,12/1/2010 8:26,2.55,17850,United Kingdom
536366,85123A,"HOLDER, WHITE",2,12/3/2010 9:00,2.55,17850,United Kingdom
C536379,85123A,"HOLDER, WHITE",-6,12/5/2010 9:41,2.55,17850,United Kingdom
536370,22728,ALARM CLOCK,24,12/1/2010 8:45,3.75,12583,France
536371,22728,ALARM CLOCK,1,12/1/2010 9:00,3.75,,France
536372,22728,ALARM CLOCK,0,12/1/2010 9:01,3.75,12583,France
"""


def build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    """Make ``clicks`` and ``events`` of purchases and cancellations."""
    con.execute(_PARSE)
    con.execute("INSERT INTO rejected SELECT source_row, reason FROM parsed WHERE reason IS NOT NULL")
    [(first, last)] = con.execute("SELECT min(time), max(time) FROM parsed WHERE reason IS NULL").fetchall()
    origin, end = (0, 0) if first is None else (first // DAY * DAY, last)
    _count(con, origin)
    _open(con, choices.attribution)
    _make_clicks(con)
    _make_events(con)
    return Journeys(
        origin=origin,
        observed_until=end - origin,
        features=("user", "item", "country", "price", *_COUNTERS),
        notes=(
            "the first purchase of an item by a customer is both the click and its first pay",
            "days are those of the shop's clock (UK), taken as UTC",
        ),
    )


def _count(con: duckdb.DuckDBPyConnection, origin: int) -> None:
    """Make ``ledger``: the good lines, with what the customer and the item had strictly before; drop what it
    replaces.
    """
    before = "ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    counters = ", ".join(
        f"count(*) FILTER (WHERE {test}) OVER (PARTITION BY {owner} {before}) AS {name}"
        for name, (owner, test) in _COUNTERS.items()
    )
    con.execute(f"""
        CREATE TABLE ledger AS SELECT *, {counters} FROM (
            SELECT * EXCLUDE (reason, time), time - {origin} AS time,
                dense_rank() OVER (ORDER BY item) - 1 AS item_id
            FROM parsed WHERE reason IS NULL)
    """)
    con.execute("DROP TABLE parsed")
    con.execute("CREATE TABLE purchases AS SELECT * FROM ledger WHERE NOT cancels")
    con.execute("CREATE TABLE cancellations AS SELECT * FROM ledger WHERE cancels")


def _open(con: duckdb.DuckDBPyConnection, attribution: int) -> None:
    """Make ``openers``: wave k holds the first purchase after the window of the opener of wave k-1."""
    con.execute(
        "CREATE TABLE openers AS SELECT customer, item_id, min(time) AS time, 0 AS wave "
        "FROM purchases GROUP BY customer, item_id"
    )
    wave = 0
    while True:
        [(opened,)] = con.execute(f"""
            INSERT INTO openers SELECT opener.customer, opener.item_id, purchase.time, {wave + 1}
            FROM (SELECT *, time + {attribution} AS closes FROM openers WHERE wave = {wave}) AS opener
            ASOF JOIN (SELECT DISTINCT customer, item_id, time FROM purchases) AS purchase
            ON opener.customer = purchase.customer AND opener.item_id = purchase.item_id
                AND opener.closes < purchase.time
        """).fetchall()
        if not opened:
            return
        wave += 1


def _make_clicks(con: duckdb.DuckDBPyConnection) -> None:
    buckets = ", ".join(f"{log_bucket(name)} AS {name}" for name in _COUNTERS)
    con.execute(f"""
        CREATE TABLE clicks AS
        SELECT row_number() OVER (ORDER BY time, customer, item_id, line) - 1 AS click_id,
            time, customer AS user_id, item_id,
            dense_rank() OVER (ORDER BY customer) - 1 AS user,
            dense_rank() OVER (ORDER BY item_id) - 1 AS item,
            dense_rank() OVER (ORDER BY country) - 1 AS country,
            CAST(greatest(0, least(63, 20 + floor(2 * log2(price)))) AS INTEGER) AS price, {buckets}
        FROM openers JOIN purchases USING (customer, item_id, time)
        QUALIFY row_number() OVER (PARTITION BY customer, item_id, time ORDER BY line) = 1
    """)


def _make_events(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("""
        CREATE TABLE pays AS SELECT purchase.*, click.click_id
        FROM purchases AS purchase ASOF JOIN clicks AS click
        ON purchase.customer = click.user_id AND purchase.item_id = click.item_id
            AND purchase.time >= click.time
    """)
    con.execute(_MATCH)
    con.execute("""
        CREATE TABLE events AS
        SELECT row_number() OVER (ORDER BY time, kind, line) - 1 AS event_id, click_id, time, kind,
            abs(quantity) * price AS amount
        FROM (SELECT click_id, time, 'pay' AS kind, quantity, price, line FROM pays
              UNION ALL
              SELECT click_id, time, 'refund', quantity, price, line FROM refunds WHERE click_id IS NOT NULL)
    """)
    con.execute("""
        INSERT INTO rejected SELECT source_row, 'cancellation without an earlier purchase of that many'
        FROM refunds WHERE click_id IS NULL
    """)


IMPORTER = IMPORTERS.register("online-retail")(
    Importer(
        format="online-retail",
        description="UCI Online Retail (InvoiceNo, StockCode, Description, Quantity, InvoiceDate, ...)",
        layout=Layout(
            (
                "InvoiceNo",
                "StockCode",
                "Description",
                "Quantity",
                "InvoiceDate",
                "UnitPrice",
                "CustomerID",
                "Country",
            ),
            header=True,
            quoted=True,
        ),
        build=build,
        opens=("purchase",),
        unattributed=("no customer", "cancellation without an earlier purchase of that many"),
        attribution=90 * DAY,
        example=EXAMPLE,
    )
)
