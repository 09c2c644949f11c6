"""Names that columns and values have in logs: how well a name fits a role, and which kind a value means."""

from __future__ import annotations

import re

ROLES: dict[str, str] = {
    "time": "time timestamp ts datetime eventtime eventtimestamp eventdate date createdat created clicktime clicktimestamp "
    "timems visittime actiontime occurredat invoicedate orderdate purchasedate orderpurchasetimestamp tdat servertime "
    "clicktstamp behaviortime timestampms eventtimems unixtime epoch when hittime",
    "user": "user userid uid visitor visitorid customer customerid member memberid client clientid cid buyer buyerid "
    "account accountid person personid shopper shopperid cookie cookieid device deviceid session sessionid usersession "
    "fullvisitorid guid household householdid userpseudoid customeruniqueid idfa gaid useridhash userhash hasheduserid",
    "item": "item itemid product productid pid sku skuid aid article articleid asin video videoid photo song track stockcode "
    "goods goodsid ad adid creative creativeid offer offerid listing content contentid movie movieid isbn campaign "
    "campaignid adgroup adgroupid contentids iid itemno",
    "kind": "kind event eventtype eventname action actiontype behavior behaviour behaviortype behaviourtype type activity "
    "interaction interactiontype operation op eventkind",
    "amount": "amount price value revenue total sales gmv sale paid payment turnover unitprice spend money orderamount "
    "salesamount salesamountineuro totalamount orderprice orderpaid paymentvalue netamount pricetotal purchasevalue "
    "conversionvalue amt saleamount",
    "quantity": "quantity qty units pieces count nitems",
    "currency": "currency ccy currencycode",
    "event_id": "eventid",
    "order": "order orderid ordernumber transaction transactionid invoice invoiceno invoiceid receipt receiptid basket "
    "basketid bill billid txn txnid orderno conversionid",
    "click_id": "clickid impressionid requestid adclickid touchid exposureid viewid gclid",
    "arrival_time": "arrivaltime arrivedat uploadtime uploadedat receivedat ingestedat ingesttime loadedat "
    "postbacktime knownat",
    "label": "conversion converted label isbuy isbought bought purchased ispay ispaid buy target y conv cvr isconversion "
    "isconverted issale isorder attribution payed haspaid refunded isrefunded isrefund returned churn outcome",
}
"""Names of a role, written together and in lower case; earlier ones fit better."""

_FOREIGN: dict[str, tuple[str, ...]] = {
    "time": (
        "时间",
        "日期",
        "zeit",
        "datum",
        "fecha",
        "heure",
        "hora",
        "tiempo",
        "время",
        "дата",
        "時刻",
        "日時",
        "시간",
    ),
    "user": (
        "用户",
        "买家",
        "会员",
        "顾客",
        "kunde",
        "nutzer",
        "usuario",
        "cliente",
        "utilisateur",
        "пользователь",
        "ユーザー",
        "고객",
    ),
    "item": (
        "商品",
        "产品",
        "物品",
        "宝贝",
        "artikel",
        "producto",
        "produit",
        "produto",
        "товар",
        "アイテム",
        "상품",
    ),
    "kind": (
        "行为",
        "动作",
        "事件",
        "类型",
        "aktion",
        "ereignis",
        "accion",
        "acción",
        "evento",
        "тип",
        "действие",
        "行動",
    ),
    "amount": (
        "金额",
        "价格",
        "betrag",
        "preis",
        "importe",
        "precio",
        "montant",
        "prix",
        "preço",
        "сумма",
        "цена",
        "価格",
        "금액",
    ),
    "order": ("订单", "bestellung", "pedido", "commande", "заказ", "注文"),
    "label": ("转化", "标签"),
}
"""What names hold in other languages: a hint, no more."""

PAID = (
    "conversion",
    "conv",
    "convert",
    "converted",
    "pay",
    "paid",
    "payment",
    "purchase",
    "purchased",
    "order",
    "buy",
    "bought",
    "sale",
)
SENT_BACK = ("refund", "refunded", "return", "returned", "chargeback", "cancel", "cancelled")
CARTED = ("cart", "basket", "addtocart")
TIMES = ("time", "timestamp", "ts", "date", "datetime", "at", "timems")
DELAYS = ("delay", "lag", "elapsed", "latency", "wait", "gap", "delays")
VALUES = ("amount", "value", "price", "revenue", "total")
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours", "hrs"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("ms", "millis"), "ms"),
    "us": "us",
}

KINDS: dict[str, str] = {
    "view": (
        "view views click clicks pv pageview detail productview viewitem viewproduct viewcontent browse visit "
        "play watch open clk itemview productdetail clickout productclick 浏览 点击 查看 ansicht klick vue clic "
        "vista visualizacao просмотр клик 閲覧"
    ),
    "cart": (
        "cart carts addtocart addcart add basket addtobasket bag addtobag cartadd 加购 加购物车 购物车 加入购物车 warenkorb "
        "panier carrito carrinho корзина カート"
    ),
    "favourite": (
        "fav favs favorite favourite favorites wishlist addtowishlist addtofavorites collect like save "
        "bookmark 收藏 merken favori favorito избранное"
    ),
    "pay": (
        "pay pays paid buy buys bought purchase purchases purchased order orders ordered transaction payment "
        "sale sold conversion converted conv checkoutcomplete purchasecompleted 购买 支付 付款 成交 下单 kauf gekauft "
        "bestellung achat compra покупка 購入"
    ),
    "refund": (
        "refund refunds refunded return returns returned chargeback cancel cancelled canceled cancellation "
        "reversal 退款 退货 取消 retoure erstattung ruckgabe remboursement retour devolucion reembolso возврат 返品"
    ),
    "ignore": (
        "removefromcart remove removecart removefromwishlist unlike unfav search login logout scroll "
        "impression impressions imp show exposure sessionstart userengagement firstvisit share comment signup "
        "register hover filter sort home begincheckout checkout viewcart viewitemlist selectitem "
        "addpaymentinfo addshippinginfo viewpromotion selectpromotion"
    ),
}  # fmt: skip
_KIND_OF = {word: kind for kind, words in KINDS.items() for word in words.split()}

_UNDONE = ("remove", "removed", "delete", "deleted", "un", "undo", "failed", "abandoned")
_LOOSE = (
    "checkout",
    "add",
    "like",
    "save",
    "collect",
    "open",
    "play",
    "watch",
    "clic",
    "order",
    "orders",
    "return",
    "impression",
)
"""Words that mean now this, now that."""

CODES: dict[str, tuple[dict[str, str], str]] = {
    "behaviortype": ({"1": "view", "2": "favourite", "3": "cart", "4": "pay"}, "Tianchi's mobile log"),
    "actiontype": ({"0": "view", "1": "cart", "2": "pay", "3": "favourite"}, "Tmall's log of IJCAI-15"),
    "type": (
        {"1": "view", "2": "cart", "3": "ignore", "4": "pay", "5": "favourite", "6": "view"},
        "JData",
    ),
}  # fmt: skip
"""What numeric codes mean in published logs, by the name of their column: a proposal, to be confirmed."""


def joined(name: str) -> str:
    """Write a name together, without signs and in lower case: ``user_ID`` is ``userid``."""
    return re.sub(r"[\W_]+", "", name.lower())


def tokens(name: str) -> list[str]:
    """Split a name at signs, digits and capitals: ``payTime_2`` is pay, time."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+", name)
    return [part.lower() for part in parts]


def fit(role: str, name: str) -> tuple[float, bool]:
    """Return how well a name fits a role (0 to 1), and whether that is sure (no other language, no part of a name)."""
    own = ROLES[role].split()
    plain, parts = joined(name), tokens(name)
    if plain in own:
        return 1.0 - 0.3 * own.index(plain) / len(own), True
    singular = plain.removesuffix("s")
    if singular in own:
        return 0.65, True
    if any("".join(parts[k : k + 2]) in own for k in range(len(parts) - 1)):
        return 0.6, True
    best = max((0.5 if part in own else 0.0 for part in parts), default=0.0)
    if best:
        return best, True
    if any(word in plain for word in _FOREIGN.get(role, ())):
        return 0.45, False
    return 0.0, False


def kind_of(value: str) -> tuple[str | None, bool]:
    """Return the kind that a value means (None: not known), and whether its own word says so."""
    plain = joined(value)
    if plain in _KIND_OF:
        return _KIND_OF[plain], plain.isascii() and plain not in _LOOSE
    parts = tokens(value)
    if says(parts, _UNDONE):
        return "ignore", False
    met = {_KIND_OF[part] for part in parts if part in _KIND_OF}
    return next(
        (kind for kind in ("refund", "pay", "cart", "favourite", "view", "ignore") if kind in met), None
    ), False


def says(parts: list[str], words: tuple[str, ...]) -> bool:
    """Tell whether one of the parts of a name is one of the words."""
    return any(part in words for part in parts)
