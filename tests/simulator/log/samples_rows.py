"""Samples of the formats whose rows are clicks or purchases (see `samples`)."""

from .samples import DAY, HOUR, LONG, MINUTE, SHORT, UNREAD, Sample

ROW_SAMPLES: dict[str, Sample] = {}

_CRITEO = (
    "timestamp uid campaign conversion conversion_timestamp conversion_id attribution click click_pos click_nb cost cpo "
    "time_since_last_click cat1 cat2 cat3 cat4 cat5 cat6 cat7 cat8 cat9"
)


def _shown(time: object, uid: int, paid: object, conversion: object, attributed: int, click: int) -> str:
    found = int(conversion != -1)
    cells = [time, uid, 7, found, paid, conversion, attributed, click, -1, -1, 1e-5, 0.1, -1, *range(9)]
    return "\t".join(map(str, cells))


ROW_SAMPLES["criteo-attribution"] = Sample(
    files={
        "criteo_attribution_dataset.tsv": [
            _CRITEO.replace(" ", "\t"),
            _shown(0, 1, 100, 55, 1, 1),
            _shown(10, 1, 100, 55, 1, 1),  # the same conversion: it belongs to this later click
            _shown(20, 1, 100, 55, 1, 0),  # and not to the impression after it
            _shown(20, 2, -1, -1, 0, 1),
            _shown(20, 3, 90, 56, 0, 1),  # not attributed to Criteo
            _shown(30, 4, 30, 57, 1, 1),  # at the instant of the click
            _shown(40, 5, 30, 58, 1, 1),  # before it
            _shown("soon", 6, -1, -1, 0, 1),
            "50\t7",
        ]
    },
    rows=9,
    origin="1970-01-01T00:00:00+00:00",
    clicks=[0, 10, 20, 20, 30, 40],
    events=[(4, "pay", 30, 1.0), (1, "pay", 100, 1.0)],
    aside={("bad", "event before its click"): 1, UNREAD: 1, SHORT: 1},
    ignored={
        "rows of rows that [data.read] where leaves out": 1,
        "events of a click before the latest one with their conversion_id": 1,
    },
    made=4,
)


def _searched(sale: int, euro: object, delay: object, time: object, user: str) -> str:
    cells = [
        sale,
        euro,
        delay,
        time,
        12,
        30.5,
        -1,
        "dev",
        -1,
        "unisex",
        "b",
        *(["c1"] + [-1] * 6),
        "FR",
        "p1",
        "red shoe",
    ]
    return "\t".join(map(str, [*cells, "shop", user]))


ROW_SAMPLES["criteo-search"] = Sample(
    files={
        "CriteoSearchData": [
            _searched(0, -1.0, -1, 1596439471, "u1"),  # 2020-08-03 07:24:31
            _searched(1, 25.5, 600, 1596439471, "u1"),
            _searched(1, 8.0, 0, 1596439480, "-1"),  # at once
            _searched(0, -1, -1, 1596439480, "u2"),
            _searched(1, -1, 60, 1596439490, "u3"),  # a sale without its revenue
            _searched(0, -1, -1, "", "u4"),
            "0\t-1",
        ]
    },
    rows=7,
    origin="2020-08-03T00:00:00+00:00",
    clicks=[26_671, 26_671, 26_680, 26_680, 26_690],
    events=[(2, "pay", 26_680, 8.0), (1, "pay", 27_271, 25.5)],
    aside={("bad", "amount not finite, or negative"): 1, UNREAD: 1, SHORT: 1},
    made=3,
)

ROW_SAMPLES["cdnow"] = Sample(
    files={
        "CDNOW_master.txt": [
            " 00001 19970101  1   11.77",
            " 00002 19970112  1   12.00",
            " 00002 19970112  5   77.00",  # a second order of that day
            " 00003 19970102  2   20.76",
            " 00003 19970330  2   20.76",  # inside 90 days
            " 00003 19970402  2   19.54",  # on the last day of them
            " 00003 19970403  4   57.45",  # the next journey
            " 00004 19970229  2   29.33",  # no such day
            " 00005 19970101  2",
        ],
        "read_me_CDNOW_master.txt": ["The file CDNOW_master.txt contains the entire purchase history"],
    },
    rows=9,
    folder=True,
    origin="1997-01-01T00:00:00+00:00",
    clicks=[0, DAY, 11 * DAY, 92 * DAY],
    events=[
        (0, "pay", 0, 11.77),
        (1, "pay", DAY, 20.76),
        (2, "pay", 11 * DAY, 12.0),
        (2, "pay", 11 * DAY, 77.0),
        (1, "pay", 88 * DAY, 20.76),
        (1, "pay", 91 * DAY, 19.54),
        (3, "pay", 92 * DAY, 57.45),
    ],
    aside={UNREAD: 1, ("bad", "line cannot be read: it has not 4 columns"): 1},
    made=4,
)

_LEFT_ORDERS = "2017-10-04 19:55:00,2017-10-10 21:25:13,2017-10-18 00:00:00"
ROW_SAMPLES["olist"] = Sample(
    files={
        "olist_order_items_dataset.csv": [
            '"order_id","order_item_id","product_id","seller_id","shipping_limit_date","price","freight_value"',
            '"o1",1,"p1","s1",2017-10-06 11:07:15,29.99,8.72',
            '"o1",2,"p2","s1",2017-10-06 11:07:15,10.01,8.72',  # two items of an order: two journeys
            '"o2",1,"p1","s2",2018-07-30 03:24:27,118.70,22.76',
            '"o3",1,"p3","s2",2018-08-13 08:55:23,159.90,19.22',  # never approved
            '"o9",1,"p3","s2",2018-08-13 08:55:23,159.90,19.22',  # of no order
            '"o1",3,"p2","s1",2017-10-06 11:07:15,10.01,8.72,1',
        ],
        "olist_orders_dataset.csv": [
            (
                '"order_id","customer_id","order_status","order_purchase_timestamp","order_approved_at",'
                '"order_delivered_carrier_date","order_delivered_customer_date","order_estimated_delivery_date"'
            ),
            f'"o1","c1","delivered",2017-10-02 10:56:33,2017-10-02 11:07:15,{_LEFT_ORDERS}',
            f'"o2","c2","delivered",2017-10-03 20:41:37,2017-10-05 03:24:27,{_LEFT_ORDERS}',
            '"o3","c3","canceled",2017-10-04 00:00:00,,,,2017-10-18 00:00:00',
            '"o4","c1","unavailable",2017-10-05 00:00:00,2017-10-05 01:00:00,,,2017-10-18 00:00:00',
        ],
        "olist_customers_dataset.csv": [
            '"customer_id","customer_unique_id","customer_zip_code_prefix","customer_city","customer_state"',
            '"c1","u1","14409","franca","SP"',
            '"c2","u1","14409","franca","SP"',
            '"c3","u2","31270","sao paulo, centro","MG"',
        ],
        "olist_order_payments_dataset.csv": [
            '"order_id","payment_sequential","payment_type","payment_installments","payment_value"',
            '"o1",1,"credit_card",1,18.12',
            '"o1",2,"voucher",1,2.00',  # two payments of an order: still one row an item
            '"o2",1,"boleto",1,141.46',
        ],
        "olist_products_dataset.csv": [
            '"product_id","product_category_name","product_name_lenght"',
            '"p1","utilidades_domesticas",40',
            '"p2","perfumaria",44',
        ],
    },
    rows=6,
    folder=True,
    origin="2017-10-02T03:00:00+00:00",
    clicks=[10 * HOUR + 56 * MINUTE + 33] * 2 + [DAY + 20 * HOUR + 41 * MINUTE + 37, 2 * DAY],
    events=[
        (0, "pay", 11 * HOUR + 7 * MINUTE + 15, 29.99),
        (1, "pay", 11 * HOUR + 7 * MINUTE + 15, 10.01),
        (2, "pay", 3 * DAY + 3 * HOUR + 24 * MINUTE + 27, 118.7),
    ],
    aside={UNREAD: 1, LONG: 1},
    made=3,
)
