"""Names of columns, in the languages in which vendors write them.

The rule: each name is used by a vendor or a library; the first name of a role is
preferred.
"""

from __future__ import annotations

from typing import Final, Literal

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time": (
        "timestamp", "datetime", "dateandtime", "datetimeutc", "timestamputc", "tsevent",
        "windowstart", "opentime", "ts", "candlebegintime", "begintime", "starttime", "begin",
        "start", "bartime", "gmttime", "utctime", "localtime", "unixtimestamp", "unixtime", "unix",
        "epoch", "date", "dates", "dateutc", "dategmt", "timeutc", "timegmt", "tradedate",
        "tradingdate", "tradingday", "day", "asof", "asofdate", "caldt", "datadate", "dt", "datum",
        "zeit", "datumzeit", "fecha", "fechahora", "data", "dato", "tarih", "closetime", "endtime",
        "end", "time", "t", "index", "observationdate", "month", "week", "effectivedate",
        "snappedattime", "dtyyyymmdd", "timeleft", "beginsat",
        "startedat", "candledatetimeutc", "traddt", "tradedt", "snapshottimeutc",
        "date1", "dlycaldt", "mthcaldt",
        "snapshottime", "quotedate", "quotedatetime", "日期",
        "时间", "交易日期", "日付", "日付け", "날짜", "日時", "дата",
    ),
    "symbol": (
        "symbol", "ticker", "tickers", "symbols", "tic", "sym", "tckrsymb", "secid", "windcode",
        "sinfowindcode", "asset", "instrument", "security",
        "code", "tscode", "stockcode", "actsymbol", "stock", "name", "ric", "pair",
        "currencypair", "contract", "rawsymbol", "kurzel", "wertpapier", "s", "isin", "permno",
        "sid", "entity", "uniquesymbol", "tradingsymbol", "conid", "figi", "level0", "underlying",
        "underlyingsymbol", "股票代码",
        "代码", "コード", "종목코드",
    ),
    "open": (
        "opens",
        "open", "o", "openprice", "open1", "priceopen", "pxopen", "opening", "openingprice", "opn",
        "op", "oppning", "apning", "abning", "otevreni", "nyito", "openingskoers",
        "eroffnung", "eroffnungskurs", "eroffn", "erster", "apertura", "abertura", "ouverture",
        "ouv", "openbid", "bidopen", "openpricebid", "openusd", "mktopen", "firstprice",
        "otwarcie", "openprc", "acilis", "ценаоткр", "开盘", "开盘价", "開盤價", "始値", "시가",
        "откр", "открытие", "opnpric", "sdqopen", "prcod", "dlyopen",
    ),
    "high": (
        "highs",
        "high", "h", "hi", "high1", "highprice", "pricehigh", "pxhigh", "dayhigh", "hoch", "hochst",
        "hochstkurs", "tageshoch", "maximo", "maxima", "massimo", "plushaut", "highbid", "bidhigh",
        "highpricebid", "max", "highusd", "maxprice", "najwyzszy", "askhi", "最高", "最高价",
        "最高價", "高値", "고가", "haut", "hoog", "hogst", "hoy", "hoogste", "yuksek", "ценамакс",
        "maximum", "高", "макс", "максимум", "hghpric", "sdqhigh",
        "prchd", "prchm", "dlyhigh",
    ),
    "low": (
        "lows",
        "low", "l", "lo", "low1", "lowprice", "pricelow", "pxlow", "daylow", "tief", "tiefst",
        "tiefstkurs",
        "tagestief", "minimo", "minima", "plusbas", "lowbid", "bidlow", "lowpricebid", "min",
        "lowusd", "minprice", "najnizszy", "bidlo", "bas", "laag", "lagst", "lav", "laagste",
        "dusuk", "ценамин", "minimum", "低", "最低", "最低价", "最低價", "安値", "저가", "мин",
        "минимум", "lwpric", "sdqlow", "prcld", "prclm", "dlylow",
    ),
    "close": (
        "closes",
        "close", "c", "closeprice", "priceclose", "pxclose", "closing", "closingprice", "cls", "cl",
        "closelast", "pxlast", "last", "lastprice", "schluss", "schlusskurs", "letzter", "zuletzt",
        "cierre", "ultimo", "cloture", "clot", "dernier", "closebid", "bidclose", "closepricebid",
        "closeusd", "settle",
        "settlementprice", "pxsettle", "trdprc1", "priceusd", "price", "prc", "kurs", "adjclose",
        "adjustedclose", "closeadj", "adjcloseprice", "adjustedcloseprice", "value", "zamkniecie",
        "ostatnio",
        "chiusura", "slot", "laatste", "koers", "slotkoers", "slutkurs", "stangning", "siste",
        "fecho", "zaver", "zaro", "fechamento", "simdi", "ценазакр", "закр", "закрытие", "senast",
        "收盘", "收盘价", "收盤價", "終値", "종가", "цена", "clspric", "sdqclose", "tradeprice",
        "prccd", "prccm", "dlyprc", "dlyclose", "mthprc",
    ),
    "volume": (
        "volume", "v", "vol", "vols", "volumes", "pxvolume", "totalvolume", "tradevolume",
        "volumetraded", "tradedvolume", "sharestraded", "totaltradedquantity", "tottrdqty",
        "basevolume", "volumefrom", "stuck", "stuecke", "stucke", "stuckzahl", "numberofshares",
        "noofshares", "volumen", "umsatz", "volumebase",
        "basevol", "acvoluns", "acvol1", "tickvol", "tickvolume", "lasttradedvolume", "qty",
        "amount", "volumebtc", "volumeeth", "volym", "volum", "objem", "forgalom", "wolumen", "wol",
        "realvolume", "hac", "成交量", "成交股數", "交易量", "出来高", "거래량", "объем", "объём",
        "ttltradgvol", "sdqvolume", "candleacctradevolume", "cshtrd", "cshtrm",
        "dlyvol", "mthvol", "ttltrdqnty",
    ),
}  # fmt: skip
"""Column names by role, without case, spaces and signs."""

ADJUSTED: Final = frozenset(
    ("adjclose", "adjustedclose", "closeadj", "adjcloseprice", "adjustedcloseprice")
)
"""Closes that are adjusted for splits and dividends."""

LABELS_OF: Final[dict[str, Literal["start", "end"]]] = {
    **dict.fromkeys(
        (
            "tsevent",
            "windowstart",
            "opentime",
            "candlebegintime",
            "begintime",
            "starttime",
            "begin",
            "beginsat",
            "startedat",
            "candledatetimeutc",
            "start",
            "gmttime",
        ),
        "start",
    ),
    **dict.fromkeys(("closetime", "endtime", "end"), "end"),
}
"""Names of times that say which end of the bar they stamp."""

UTC_NAMES: Final = frozenset(
    (
        "datetimeutc",
        "timestamputc",
        "gmttime",
        "utctime",
        "dateutc",
        "dategmt",
        "timeutc",
        "timegmt",
        "snapshottimeutc",
        "candledatetimeutc",
    )
)
"""Names of times that say they are UTC."""

STARTING_VENDORS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("Alpaca", frozenset(("tradecount", "vwap"))),
    ("Databento", frozenset(("tsevent", "rtype"))),
    ("MetaTrader", frozenset(("tickvolume", "spread", "realvolume"))),
    ("MetaTrader", frozenset(("tickvol", "vol", "spread"))),
    ("Polygon", frozenset(("vwap", "transactions", "otc"))),
    ("Interactive Brokers", frozenset(("average", "barcount"))),
    ("Oanda", frozenset(("time", "complete", "o", "h", "l", "c"))),
    ("CryptoDataDownload", frozenset(("unix", "date", "symbol", "tradecount"))),
)
"""Vendors that are recognized by some of their columns, and stamp bars at the start.

Sources: alpaca-py `BarSet.df`, databento `DBNStore.to_df`, MetaTrader5
`copy_rates_range`, MetaTrader 5's export, polygon's client `Agg`, ib_async `BarData`,
developer.oanda.com "Candlestick".
"""
