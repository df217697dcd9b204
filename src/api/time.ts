/**
 * Times of callers. RFC 3339 in any precision and offset comes in; what goes on to Postgres is UTC
 * with six digits, all that it keeps. Digits beyond are cut, so a time never moves forward.
 */
const DATE = String.raw`(\d{4})-(\d{2})-(\d{2})`;
const TIME = String.raw`(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?`;
const OFFSET = String.raw`(?:[Zz]|([+\- ])(\d{2}):(\d{2}))`;
const RFC_3339 = new RegExp(`^${DATE}[Tt ]${TIME}${OFFSET}$`);

const MINUTE_MS = 60_000;

/**
 * `2026-01-02T03:04:05+02:00` becomes `2026-01-02T01:04:05.000000Z`; null where the text is no
 * time. A plus that a caller forgot to percent-encode arrives as a blank and is read as a plus.
 */
export function canonicalTime(text: string): string | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [fraction = '', sign = '+', offsetHour = '0', offsetMinute = '0'] = match.slice(7);
  if (hour > 23 || minute > 59 || second > 60) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that the calendar does not have has rolled over into another month.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  // Second 60 is a leap second; like Postgres, it is read as the next minute's first.
  date.setUTCHours(hour, minute, second, 0);
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1);
  const utc = new Date(date.getTime() - offset * MINUTE_MS);
  if (utc.getUTCFullYear() < 1 || utc.getUTCFullYear() > 9999) return null;
  const micros = fraction.slice(0, 6).padEnd(6, '0');
  return `${utc.toISOString().slice(0, 19)}.${micros}Z`;
}
