/** `10/Sep/2014:10:22:28 +0000`, local time, as the Common Log Format has it; made once a second. */
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function createCommonLogTime(): (now: number) => string {
  let second = Number.NaN;
  let text = '';
  return (now) => {
    const thisSecond = Math.floor(now / 1000);
    if (thisSecond === second) return text;
    second = thisSecond;
    const date = new Date(now);
    const day = `${two(date.getDate())}/${months[date.getMonth()]}/${date.getFullYear()}`;
    text = `${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zoneOf(date)}`;
    return text;
  };
}

/** `2014-09-10T10:22:28.123Z`; all but the milliseconds is made once a second. */
export function createIsoTime(): (now: number) => string {
  let second = Number.NaN;
  let text = '';
  return (now) => {
    const thisSecond = Math.floor(now / 1000);
    if (thisSecond !== second) text = new Date(thisSecond * 1000).toISOString().slice(0, -'000Z'.length);
    second = thisSecond;
    return `${text}${String(Math.floor(now) - thisSecond * 1000).padStart(3, '0')}Z`;
  };
}

/** `2014-09-10 10:22:28 +0000`, as Python's `%Y-%m-%d %H:%M:%S %z`. */
export function errorLogTime(now: number): string {
  const date = new Date(now);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zoneOf(date)}`;
}

function zoneOf(date: Date): string {
  const offset = -date.getTimezoneOffset();
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
