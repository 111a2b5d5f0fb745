"""Own sectors from a loader: winsorize, demean and zscore by sector; a DataFrameLoader
and a DataSet with text, whole numbers, truth values and days.
"""

import numpy as np
import pandas as pd
from zipline.api import (
    attach_pipeline,
    date_rules,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
    time_rules,
)
from zipline.pipeline import Pipeline
from zipline.pipeline.data import Column, DataSet, USEquityPricing
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import BusinessDaysSincePreviousEvent, Returns
from zipline.pipeline.loaders.frame import DataFrameLoader

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []
SIDS = [40 + 7 * number for number in range(14)]
DAYS = pd.bdate_range("2015-12-01", "2016-12-30")


class Company(DataSet):
    sector = Column(dtype=np.int64, missing_value=-1)
    name = Column(dtype=object, missing_value="")
    shares = Column(dtype=float)
    listed = Column(dtype=bool)
    reported = Column(dtype="datetime64[ns]")
    domain = US_EQUITIES


def frame(values):
    return pd.DataFrame(values, index=DAYS, columns=SIDS)


ROW, COL = np.arange(len(DAYS))[:, None], np.arange(14)[None, :]
SHARES = np.where((ROW + COL) % 17 == 0, np.nan, 1e6 * (1 + (COL * 3 + ROW // 30) % 7))
DATA_SETS = [Company]
CUSTOM_LOADER = {
    Company.sector: DataFrameLoader(
        Company.sector, frame(np.where(COL == 5, -1, COL % 3 + 0 * ROW))
    ),
    Company.name: DataFrameLoader(
        Company.name,
        frame(np.array(["tech", "bank", "oil", ""])[(COL + ROW // 40) % 4].astype(object)),
    ),
    Company.shares: DataFrameLoader(Company.shares, frame(SHARES)),
    Company.listed: DataFrameLoader(Company.listed, frame((COL + ROW // 21) % 6 != 0)),
    Company.reported: DataFrameLoader(
        Company.reported, frame(np.broadcast_to(DAYS.to_numpy()[(ROW // 20) * 20], (len(DAYS), 14)))
    ),
}


def make_pipeline():
    sector, name = Company.sector.latest, Company.name.latest
    universe = Company.listed.latest & sector.notnull()
    cap = Company.shares.latest * USEquityPricing.close.latest
    momentum = Returns(window_length=21)
    value = (1 / cap).winsorize(0.1, 0.9, mask=universe)
    return Pipeline(
        {
            "sector": sector,
            "name": name,
            "cap": cap.log().fillna(0.0),
            "score": momentum.winsorize(0.05, 0.95).demean(groupby=sector, mask=universe)
            + value.zscore(groupby=name, mask=universe),
            "rank": momentum.rank(groupby=name, mask=universe, method="ordinal"),
            "age": BusinessDaysSincePreviousEvent(inputs=[Company.reported]),
            "tech": name.eq("tech") | name.startswith("ba"),
            "bucket": cap.quantiles(3, mask=universe),
        },
        screen=universe,
    )


def initialize(context):
    attach_pipeline(make_pipeline(), "company")
    schedule_function(rebalance, date_rules.week_start(days_offset=1), time_rules.market_open())


def before_trading_start(context, data):
    context.output = pipeline_output("company")
    LOG.append(context.output)
    by_sector = context.output.groupby("sector")["score"].mean()
    LOG.append([str(by_sector.index.tolist()), by_sector.round(12).tolist()])
    LOG.append(context.output["name"].value_counts().sort_index().to_dict())


def rebalance(context, data):
    score = context.output["score"].dropna()
    longs, shorts = score.nlargest(3).index, score.nsmallest(3).index
    for asset in set(context.portfolio.positions).difference(longs.union(shorts)):
        order_target_percent(asset, 0)
    for asset in longs.difference(shorts):
        order_target_percent(asset, 0.15)
    for asset in shorts.difference(longs):
        order_target_percent(asset, -0.15)
    record(spread=score.max() - score.min())
