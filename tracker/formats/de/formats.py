"""Dates as one reads them in German: 23. November 2026, 14:05 Uhr; without “Uhr” where space is short."""

DATE_FORMAT = "j. F Y"
SHORT_DATE_FORMAT = "j. N Y"
DATETIME_FORMAT = r"j. F Y, H:i \U\h\r"
SHORT_DATETIME_FORMAT = "j. N Y, H:i"
TIME_FORMAT = r"H:i \U\h\r"
MONTH_DAY_FORMAT = "j. F"
FIRST_DAY_OF_WEEK = 1
