"""Small files in the original layouts of the known formats, and the logs they make, found by hand.

Each sample holds ties, repeats, an empty value, a kind that means nothing and a line that cannot be read.
"""

import json
from dataclasses import dataclass, field

DAY, HOUR, MINUTE = 86_400, 3_600, 60


@dataclass(frozen=True)
class Sample:
    """``files`` by name; ``clicks`` in seconds from the log's midnight; ``events`` as (click, kind, seconds, amount).

    ``aside`` counts by class and reason; ``ignored`` by what was left out. ``rows`` are those of the source, and ``made``
    what is beyond one row each: read + left out = rows + made.
    """

    files: dict[str, list[str]]
    rows: int
    clicks: list[float]
    events: list[tuple[int, str, float, float]]
    aside: dict[tuple[str, str], int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    made: int = 0
    folder: bool = False
    opens: str | None = None
    origin: str = ""


NO_VIEW = ("unattributed", "pay: no view of the item by this user at or before it")
LATE = ("unattributed", "pay: its latest view is more than 3d before it")
UNREAD = ("bad", "null or unreadable value in a required column")
KIND = ("bad", "unknown kind")
SHORT = ("bad", "line cannot be read: missing columns")
LONG = ("bad", "line cannot be read: too many columns")
REPEATED = ("repeated", "repeated event")

SAMPLES: dict[str, Sample] = {}

SAMPLES["retailrocket"] = Sample(
    files={
        "events.csv": [
            "timestamp,visitorid,event,itemid,transactionid",
            "1430654400000,1,view,10,",  # 2015-05-03 12:00
            "1430654460000,1,view,10,",
            "1430654460000,1,addtocart,10,",
            "1430654500000,1,transaction,10,7",
            "1430654500000,1,transaction,10,7",  # twice: kept, as the published files have them
            "1430654400000,2,transaction,10,8",
            "1430654400000,1,look,10,",
            ",1,view,10,",
            "1430654400000,1,view",
        ]
    },
    rows=9,
    origin="2015-05-03T00:00:00+00:00",
    clicks=[12 * HOUR, 12 * HOUR + 60],
    events=[(1, "cart", 12 * HOUR + 60, 0.0)] + 2 * [(1, "pay", 12 * HOUR + 100, 1.0)],
    aside={NO_VIEW: 1, KIND: 1, UNREAD: 1, SHORT: 1},
)

SAMPLES["taobao"] = Sample(
    files={
        "UserBehavior.csv": [
            "1,100,5,pv,1511539201",  # 2017-11-25 00:00:01 in China
            "1,100,5,fav,1511539202",
            "1,100,5,cart,1511539203",
            "1,100,5,buy,1511625600",
            "2,101,6,pv,1512316799",  # the last second of the nine days
            "2,101,6,pv,1512316800",
            "2,101,6,pv,0",
            "2,102,6,buy,1512316799",
            "2,102,6,share,1512316799",
            "2,102,6",
        ]
    },
    rows=10,
    origin="2017-11-24T16:00:00+00:00",
    clicks=[1, 9 * DAY - 1],
    events=[(0, "cart", 3, 0.0), (0, "pay", DAY, 1.0)],
    aside={("by rule", "time outside the span of [data] between"): 2, NO_VIEW: 1, KIND: 1, SHORT: 1},
    ignored={"favourite": 1},
)

SAMPLES["rees46"] = Sample(
    files={
        "2019-Oct.csv": [
            "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
            "2019-10-01 00:00:00 UTC,view,3900821,2053013552326770905,appliances.water,aqua,33.20,554748717,s1",
            "2019-10-01 00:00:04 UTC,view,1307067,2053013558920217191,,lenovo,251.74,550050854,s2",
            "2019-10-01 00:01:00 UTC,cart,3900821,2053013552326770905,appliances.water,aqua,33.20,554748717,s1",
            "2019-10-01 00:02:00 UTC,purchase,3900821,2053013552326770905,appliances.water,aqua,31.00,554748717,s1",
            "2019-10-01 00:02:00 UTC,purchase,3900821,2053013552326770905,appliances.water,aqua,31.00,554748717,s1",
            "2019-10-01 00:03:00 UTC,remove_from_cart,3900821,2053013552326770905,,aqua,33.20,554748717,s1",
            "2019-10-04 00:00:05 UTC,purchase,1307067,2053013558920217191,,lenovo,251.74,550050854,s3",  # a second late
            "2019-10-01 00:00:00 UTC,purchase,1307067,2053013558920217191,,,251.74,550050854,s2",
            "2019-10-01 00:04:00 UTC,view,1307067,2053013558920217191,,,251.74,,s4",
            "2019-10-01 00:05:00 UTC,wish,1307067,2053013558920217191,,,251.74,1,s4",
            "2019-10-01 00:06:00 UTC,view,1307067",
        ]
    },
    rows=11,
    origin="2019-10-01T00:00:00+00:00",
    clicks=[0, 4, 4 * MINUTE],
    events=[(0, "cart", MINUTE, 0.0), (0, "pay", 2 * MINUTE, 31.0)],
    aside={REPEATED: 1, LATE: 1, NO_VIEW: 1, KIND: 1, SHORT: 1},
    ignored={"ignore": 1},
)


def _session(session: int, *events: tuple[int, int, str]) -> str:
    return json.dumps({"session": session, "events": [{"aid": a, "ts": t, "type": k} for a, t, k in events]})


_OTTO = 1_659_304_800_000  # 2022-08-01 00:00 in Berlin, 22:00 UTC
SAMPLES["otto"] = Sample(
    files={
        "otto-recsys-train.jsonl": [
            _session(
                0,
                (5, _OTTO, "clicks"),
                (5, _OTTO + 1, "carts"),
                (6, _OTTO + 2, "clicks"),
                (5, _OTTO + 3, "orders"),
            ),
            _session(1, (5, _OTTO + 9, "orders"), (6, _OTTO + 9, "clicks"), (6, _OTTO + 9, "orders")),
            _session(2, (7, _OTTO + 10, "shares")),
            json.dumps({"session": 3, "events": [{"aid": 8, "ts": None, "type": "clicks"}]}),
            '{"session": 4, "events": [',
            '{"session": 5}',
        ],
        "otto-recsys-test.jsonl": [_session(9, (5, _OTTO, "clicks"))],
    },
    rows=11,
    folder=True,
    origin="2022-07-31T00:00:00+00:00",
    clicks=[22 * HOUR, 22 * HOUR + 0.002, 22 * HOUR + 0.009],
    events=[
        (0, "cart", 22 * HOUR + 0.001, 0.0),
        (0, "pay", 22 * HOUR + 0.003, 1.0),
        (2, "pay", 22 * HOUR + 0.009, 1.0),
    ],
    aside={NO_VIEW: 1, KIND: 1, UNREAD: 1, ("bad", "line is no JSON object with a list 'events'"): 2},
)

SAMPLES["yoochoose"] = Sample(
    files={
        "yoochoose-clicks.dat": [
            "1,2014-04-07T10:51:09.277Z,214536502,0",
            "1,2014-04-07T10:54:09.868Z,214536500,S",
            "1,2014-04-07T10:54:09.868Z,214536500,S",  # twice: two clicks
            "2,2014-04-07T13:56:37.614Z,214662742,7",
            "2,yesterday,214662742,7",
            "2,2014-04-07T13:56:37.614Z",
        ],
        "yoochoose-buys.dat": [
            "1,2014-04-07T10:54:09.868Z,214536500,1046,2",
            "1,2014-04-07T10:59:09.868Z,214536500,0,0",
            "9,2014-04-07T10:59:09.868Z,214536500,12462,1",
            "2,2014-04-07T10:59:09.868Z,214662742,12462",
        ],
        "yoochoose-test.dat": ["5,2014-04-07T17:13:46.713Z,214530776,0"],
        "dataset-README.txt": ["SUMMARY", "This dataset was constructed by YOOCHOOSE"],
    },
    rows=10,
    folder=True,
    origin="2014-04-07T00:00:00+00:00",
    clicks=[39_069.277, 39_249.868, 39_249.868, 50_197.614],
    events=[(2, "pay", 39_249.868, 2092.0), (2, "pay", 39_549.868, 0.0)],
    aside={NO_VIEW: 1, UNREAD: 1, SHORT: 2},
)

SAMPLES["tmall"] = Sample(
    files={
        "user_log_format1.csv": [
            "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type",
            "328862,323294,833,2882,2661,0829,0",
            "328862,323294,833,2882,2661,829,1",  # the zero is lost in some copies
            "328862,323294,833,2882,2661,0830,2",
            "328862,844400,1271,2882,,0829,3",
            "328862,844400,1271,2882,,1111,2",
            "1,844400,1271,2882,,1111,0",
            "1,844400,1271,2882,,1111,2",
            "1,844400,1271,2882,,1331,0",  # no such day
            "1,844400,1271,2882,,1111,4",
            "1,844400",
        ]
    },
    rows=10,
    origin="2014-08-28T16:00:00+00:00",
    clicks=[0, 74 * DAY],
    events=[(0, "cart", 0, 0.0), (0, "pay", DAY, 1.0), (1, "pay", 74 * DAY, 1.0)],
    aside={NO_VIEW: 1, UNREAD: 1, KIND: 1, SHORT: 1},
    ignored={"favourite": 1},
)

_KUAI = (
    "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,play_time_ms,"
    "duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab"
)


def _shown(user: object, video: int, ms: object, click: int, like: int, long: int) -> str:
    return f"{user},{video},20220408,100,{ms},{click},{like},0,0,0,0,{long},9000,20000,0,0,0,0,1"


SAMPLES["kuairand"] = Sample(
    files={
        "log_standard_4_08_to_4_21_pure.csv": [
            _KUAI,
            _shown(0, 70, 1649350800000, 1, 0, 1),  # 2022-04-08 01:00 in Beijing
            _shown(0, 71, 1649350801000, 1, 1, 0),
            _shown(0, 72, 1649350802000, 0, 0, 0),
            _shown(1, 70, 1649350802000, 0, 0, 1),
            _shown("", 70, 1649350803000, 1, 0, 0),
            _shown(1, 70, "", 1, 0, 0),
            "1,70,20220408",
        ],
        "user_features_pure.csv": ["user_id,user_active_degree", "0,high_active"],
    },
    rows=7,
    folder=True,
    origin="2022-04-07T16:00:00+00:00",
    clicks=[HOUR, HOUR + 1, HOUR + 3],
    events=[(0, "pay", HOUR, 1.0)],
    aside={NO_VIEW: 1, UNREAD: 1, SHORT: 1},
    ignored={"favourite": 1, "rows without a flag": 1},
    made=2,
)

SAMPLES["jdata-2016"] = Sample(
    files={
        "JData_Action_201602.csv": [
            "user_id,sku_id,time,model_id,type,cate,brand",
            "266079.0,138778,2016-02-01 00:00:02,,1,8,403",
            "266079.0,138778,2016-02-01 00:00:02,14,6,8,403",
            "266079.0,138778,2016-02-01 00:05:00,,2,8,403",
            "266079.0,138778,2016-02-01 00:06:00,,3,8,403",
            "266079.0,138778,2016-02-01 00:07:00,,5,8,403",
            "266079.0,138778,2016-02-01 00:09:00,,4,8,403",
            "266079.0,138778,2016-02-01 00:09:00,,4,8,403",  # whole rows repeat
            "200719.0,61226,2016-02-01 00:09:00,,4,8,30",
            "200719.0,61226,,,1,8,30",
            "200719.0,61226,2016-02-01 00:09:00,,7,8,30",
            "200719.0,61226",
        ],
        "JData_User.csv": ["user_id,age,sex,user_lv_cd,user_reg_tm", "200001,56+,2,5,2016-01-26"],
    },
    rows=11,
    folder=True,
    origin="2016-01-31T16:00:00+00:00",
    clicks=[2],
    events=[(0, "cart", 5 * MINUTE, 0.0), (0, "pay", 9 * MINUTE, 1.0)],
    aside={REPEATED: 1, NO_VIEW: 1, UNREAD: 1, KIND: 1, SHORT: 1},
    ignored={"ignore": 2, "favourite": 1},
)

SAMPLES["jdata-2019"] = Sample(
    files={
        "jdata_action.csv": [
            "user_id,sku_id,action_time,module_id,type",
            "17,10,2018-04-01 08:00:00,6190659,1",
            "17,10,2018-04-01 08:00:00,6190659,2",
            "17,10,2018-04-09 08:00:00,6190659,2",  # eight days after
            "17,10,2018-04-01 09:00:00,6190659,3",
            "17,10,2018-04-01 09:00:00,6190659,4",
            "17,10,2018-04-01 09:00:00,6190659,5",
            "18,10,2018-04-01 09:00:00,6190659,2",
            "18,10,2018-04-01 09:00:00,6190659,9",
            "18,10,never,6190659,1",
            "18,10,2018-04-01 09:00:00,6190659,1,1",
        ]
    },
    rows=10,
    origin="2018-03-31T16:00:00+00:00",
    clicks=[8 * HOUR],
    events=[(0, "pay", 8 * HOUR, 1.0), (0, "cart", 9 * HOUR, 0.0)],
    aside={
        ("unattributed", "pay: its latest view is more than 7d before it"): 1,
        NO_VIEW: 1,
        KIND: 1,
        UNREAD: 1,
        LONG: 1,
    },
    ignored={"favourite": 1, "ignore": 1},
)
