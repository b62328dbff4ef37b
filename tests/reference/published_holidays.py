"""The exchange's published holidays and early closings, 2007-2028, typed in; nothing here is computed or comes from the code under test.

Sources: NYSE Group, "Holiday and Early Closings Calendar" announcements of 2019-12-09 (2020-2022), 2020-12-28 (2021-2023), 2021-12-27
(2022-2024), 2024-11-08 (2025-2027) and 2025-12-23 (2026-2028); NYSE holiday pages as reprinted at the time for 2011-2019.

For 2007-2010 no list of the exchange itself was found. The full closures are, date for date, those of QuantConnect Lean's
Data/market-hours/holidays-usa.csv, and agree with the days that traded in two price histories. The early closings are those of the
rules that pandas_market_calendars' holidays_nyse.py took from the exchange's "NYSE Closings" document, worked out here by hand:
13:00 on July 3 if a Monday, Tuesday or Thursday (2007 Tuesday, 2008 Thursday), on the Friday after Thanksgiving, and on December 24
from Monday to Thursday (2007 Monday, 2008 Wednesday, 2009 Thursday). That package and exchange_calendars have a common ancestor.
"""

# Full closures by year, month/day, in the order New Year, King, Washington, Good Friday, Memorial, (Juneteenth from 2022),
# Independence, Labor, Thanksgiving, Christmas. 2011, 2022 and 2028 have no New Year's holiday: it falls on a Saturday, and the
# Friday before ends the year.
HOLIDAYS = {
    2007: "01/01 01/15 02/19 04/06 05/28 07/04 09/03 11/22 12/25",
    2008: "01/01 01/21 02/18 03/21 05/26 07/04 09/01 11/27 12/25",
    2009: "01/01 01/19 02/16 04/10 05/25 07/03 09/07 11/26 12/25",
    2010: "01/01 01/18 02/15 04/02 05/31 07/05 09/06 11/25 12/24",
    2011: "01/17 02/21 04/22 05/30 07/04 09/05 11/24 12/26",
    2012: "01/02 01/16 02/20 04/06 05/28 07/04 09/03 11/22 12/25",
    2013: "01/01 01/21 02/18 03/29 05/27 07/04 09/02 11/28 12/25",
    2014: "01/01 01/20 02/17 04/18 05/26 07/04 09/01 11/27 12/25",
    2015: "01/01 01/19 02/16 04/03 05/25 07/03 09/07 11/26 12/25",
    2016: "01/01 01/18 02/15 03/25 05/30 07/04 09/05 11/24 12/26",
    2017: "01/02 01/16 02/20 04/14 05/29 07/04 09/04 11/23 12/25",
    2018: "01/01 01/15 02/19 03/30 05/28 07/04 09/03 11/22 12/25",
    2019: "01/01 01/21 02/18 04/19 05/27 07/04 09/02 11/28 12/25",
    2020: "01/01 01/20 02/17 04/10 05/25 07/03 09/07 11/26 12/25",
    2021: "01/01 01/18 02/15 04/02 05/31 07/05 09/06 11/25 12/24",
    2022: "01/17 02/21 04/15 05/30 06/20 07/04 09/05 11/24 12/26",
    2023: "01/02 01/16 02/20 04/07 05/29 06/19 07/04 09/04 11/23 12/25",
    2024: "01/01 01/15 02/19 03/29 05/27 06/19 07/04 09/02 11/28 12/25",
    2025: "01/01 01/20 02/17 04/18 05/26 06/19 07/04 09/01 11/27 12/25",
    2026: "01/01 01/19 02/16 04/03 05/25 06/19 07/03 09/07 11/26 12/25",
    2027: "01/01 01/18 02/15 03/26 05/31 06/18 07/05 09/06 11/25 12/24",
    2028: "01/17 02/21 04/14 05/29 06/19 07/04 09/04 11/23 12/25",
}

ONE_OFF_CLOSURES = {
    "2007-01-02": "national day of mourning, President Ford",
    "2012-10-29": "Hurricane Sandy",
    "2012-10-30": "Hurricane Sandy",
    "2018-12-05": "national day of mourning, President George H. W. Bush",
    "2025-01-09": "national day of mourning, President Carter",
}

# Closes at 13:00 New York time.
HALF_DAYS = {
    2007: "07/03 11/23 12/24",
    2008: "07/03 11/28 12/24",
    2009: "11/27 12/24",
    2010: "11/26",
    2011: "11/25",
    2012: "07/03 11/23 12/24",
    2013: "07/03 11/29 12/24",
    2014: "07/03 11/28 12/24",
    2015: "11/27 12/24",
    2016: "11/25",
    2017: "07/03 11/24",
    2018: "07/03 11/23 12/24",
    2019: "07/03 11/29 12/24",
    2020: "11/27 12/24",
    2021: "11/26",
    2022: "11/25",
    2023: "07/03 11/24",
    2024: "07/03 11/29 12/24",
    2025: "07/03 11/28 12/24",
    2026: "11/27 12/24",
    2027: "11/26",
    2028: "07/03 11/24",
}
