// Numbers, dates and scales of figures.
const DAY = 864e5, HOUR = 36e5;

function number(value, share) {
  if (value == null) return "-";
  if (share) return (100 * value).toFixed(1) + "%";
  return Math.abs(value) >= 1e5 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(4));
}

// Steps of 1, 2 or 5 times a power of ten, about so many of them.
function steps(low, high, count) {
  const rough = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step / 1e6; at++) found.push(at * step);
  return found;
}

function powers(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++)
    for (const times of [1, 2, 5]) if (times * 10 ** e >= low && times * 10 ** e <= high) found.push(times * 10 ** e);
  return found;
}

function days(low, high, count) {
  const sizes = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 365 * DAY];
  const step = sizes.find((size) => (high - low) / size <= count) || 365 * DAY;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

function moment(at, hours) {
  const [day, time] = new Date(at).toISOString().split("T");
  return hours ? day + " " + time.slice(0, 5) : new Date(at).toLocaleDateString("en", {month: "short", day: "numeric", timeZone: "UTC"});
}
