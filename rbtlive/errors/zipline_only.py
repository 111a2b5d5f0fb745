"""zipline's exceptions for features that are not supported.

The rule: they can be imported, so that a zipline strategy's except clauses still work;
they are never raised.
"""

from __future__ import annotations

from rbtlive.errors.base import ZiplineError
from rbtlive.errors.zipline import SidsNotFound


def _name(name: str, meaning: str, *parents: type[ZiplineError]) -> type[ZiplineError]:
    return type(name, parents or (ZiplineError,), {"__doc__": meaning, "__module__": __name__})


TransactionWithNoVolume = _name("TransactionWithNoVolume", "A fill of no volume was reported.")
TransactionWithNoAmount = _name(
    "TransactionWithNoAmount", "A fill of less than one lot was reported."
)
MultipleSymbolsFound = _name("MultipleSymbolsFound", "Several assets have had this symbol.")
MultipleSymbolsFoundForFuzzySymbol = _name(
    "MultipleSymbolsFoundForFuzzySymbol", "Several assets match this symbol.", MultipleSymbolsFound
)
SameSymbolUsedAcrossCountries = _name(
    "SameSymbolUsedAcrossCountries", "Several countries have it.", MultipleSymbolsFound
)
EquitiesNotFound = _name("EquitiesNotFound", "No equity has this sid.", SidsNotFound)
FutureContractsNotFound = _name(
    "FutureContractsNotFound", "No futures contract has this sid.", SidsNotFound
)
CalendarNameCollision = _name(
    "CalendarNameCollision", "A calendar of this name is already registered."
)
CyclicCalendarAlias = _name("CyclicCalendarAlias", "Calendar aliases lead back to themselves.")
ScheduleFunctionWithoutCalendar = _name(
    "ScheduleFunctionWithoutCalendar", "The run has no calendar."
)
WrongDataForTransform = _name(
    "WrongDataForTransform", "The event lacks fields that the transform needs."
)
NoSourceError = _name("NoSourceError", "No data source was given.")
RootSymbolNotFound = _name("RootSymbolNotFound", "No futures chain has this root symbol.")
ValueNotFoundForField = _name("ValueNotFoundForField", "No asset has this value in this field.")
MultipleValuesFoundForField = _name(
    "MultipleValuesFoundForField", "Several assets have this value."
)
NoValueForSid = _name("NoValueForSid", "The asset has no value in this field.")
MultipleValuesFoundForSid = _name("MultipleValuesFoundForSid", "The asset has several values.")
ConsumeAssetMetaDataError = _name(
    "ConsumeAssetMetaDataError", "Metadata of this type cannot be read."
)
SidAssignmentError = _name("SidAssignmentError", "An asset of the metadata lacks its sid.")
AssetDBVersionError = _name("AssetDBVersionError", "The asset database has another version.")
AssetDBImpossibleDowngrade = _name(
    "AssetDBImpossibleDowngrade", "A downgrade must lead to a lower version."
)
