/* Days of the Gregorian calendar as integers, and their text. */
#include "base/clock.h"
#include "plan/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year));
}

static int32_t day_of(int year, int month, int day)
{
    int32_t days = 0;
    for (int y = 1970; y < year; y++) days += leap(y) ? 366 : 365;
    for (int y = year; y < 1970; y++) days -= leap(y) ? 366 : 365;
    for (int m = 1; m < month; m++) days += month_days(year, m);
    return days + day - 1;
}

/* `digits` decimal digits at *at, which moves on; -1 for anything else. */
static int number(const char **at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (**at < '0' || **at > '9') return -1;
        value = value * 10 + (*(*at)++ - '0');
    }
    return value;
}

bool strait_days_parse(const char *text, strait_days *out)
{
    const char *at = text;
    int year = number(&at, 4);
    if (year < 1900 || year > 2199) return false;
    if (*at == '\0') {
        *out = (strait_days){day_of(year, 1, 1), day_of(year, 12, 31)};
        return true;
    }
    if (*at++ != '-') return false;
    int month = number(&at, 2);
    if (month < 1 || month > 12) return false;
    if (*at == '\0') {
        *out = (strait_days){day_of(year, month, 1), day_of(year, month, month_days(year, month))};
        return true;
    }
    if (*at++ != '-') return false;
    int day = number(&at, 2);
    if (day < 1 || day > month_days(year, month) || *at != '\0') return false;
    *out = (strait_days){day_of(year, month, day), day_of(year, month, day)};
    return true;
}

void strait_day_format(int32_t day, char out[16])
{
    int year = 1970;
    int32_t rest = day;
    while (rest < 0) rest += leap(--year) ? 366 : 365;
    while (rest >= (leap(year) ? 366 : 365)) rest -= leap(year++) ? 366 : 365;
    int month = 1;
    while (rest >= month_days(year, month)) rest -= month_days(year, month++);
    snprintf(out, 16, "%04d-%02d-%02d", year, month, (int)rest + 1);
}

int32_t strait_today(void)
{
    return (int32_t)floor(strait_clock_wall() / 86400.0);
}
