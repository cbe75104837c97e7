const days = 'Mon|Tue|Wed|Thu|Fri|Sat|Sun';
const longDays = 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday';
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${months.join('|')})`;
const time = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;

/** The three forms of RFC 9110 5.6.7. All are GMT; only the first one may be sent. */
const forms = [
  // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(String.raw`^(?:${days}), (?<day>\d\d) ${month} (?<year>\d{4}) ${time} GMT$`),
  // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(String.raw`^(?:${longDays}), (?<day>\d\d)-${month}-(?<year>\d\d) ${time} GMT$`),
  // asctime: Sun Nov  6 08:49:37 1994
  new RegExp(String.raw`^(?:${days}) ${month} (?<day>\d\d| \d) ${time} (?<year>\d{4})$`),
];

/**
 * Parses an HTTP-date. `Date.parse` will not do: it reads asctime in the time zone of the process. The name
 * of the day is not compared with the date.
 * @param now ms since the epoch; decides the century of a two-digit year.
 * @returns ms since the epoch; undefined if the text has none of the three forms, or the time does not exist.
 * @see RFC 9110 section 5.6.7
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const value = text.trim();
  for (const form of forms) {
    const parts = form.exec(value)?.groups;
    if (parts !== undefined) return timeOf(parts, now);
  }
  return undefined;
}

function timeOf(parts: Readonly<Record<string, string>>, now: number): number | undefined {
  const { year = '' } = parts;
  const [day, hour, minute, second] = [parts['day'], parts['hour'], parts['minute'], parts['second']].map(
    Number,
  ) as [number, number, number, number]; // map keeps the length
  const monthIndex = months.indexOf(parts['month'] ?? '');
  // Second 60 is a leap second; Date carries it into the next minute.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const dateIn = (fullYear: number): Date => {
    const date = new Date(0);
    // Date.UTC would read the years 0 to 99 as 1900 to 1999.
    date.setUTCFullYear(fullYear, monthIndex, day);
    date.setUTCHours(hour, minute, second);
    return date;
  };
  const date = dateIn(year.length === 2 ? fullYearOf(Number(year), now, dateIn) : Number(year));
  // Date carries a day that the month does not have into another month. A leap second may end its month.
  const exists = new Date(date.getTime() - second * 1000).getUTCMonth() === monthIndex;
  return exists ? date.getTime() : undefined;
}

/**
 * @returns the latest year with these last two digits that puts the date at most 50 years into the future.
 */
function fullYearOf(digits: number, now: number, dateIn: (year: number) => Date): number {
  const latest = new Date(now);
  const year = latest.getUTCFullYear();
  latest.setUTCFullYear(year + 50);
  const inNextCentury = year - (year % 100) + 100 + digits;
  const candidates = [inNextCentury, inNextCentury - 100];
  return candidates.find((each) => dateIn(each) <= latest) ?? inNextCentury - 200;
}
