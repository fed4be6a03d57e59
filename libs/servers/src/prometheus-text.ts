/** One line of an exposition. `labels` has no prototype, since any name may come from outside. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  /** May be NaN or infinite. */
  value: number;
}

/** The text is not an exposition. The message holds nothing of the text, which comes from outside. */
export class PrometheusFormatError extends Error {
  override readonly name = 'PrometheusFormatError';

  constructor(
    /** Counted from one. */
    readonly line: number,
    problem: string,
  ) {
    super(`Line ${line}: ${problem}`);
  }
}

/**
 * Reads the Prometheus text format 0.0.4, in one pass and in time linear to its length. Lines of metrics that are not wanted are only
 * looked at up to the end of their name, which is most of the work saved: a scrape has some thousand lines, few of which matter.
 * A last line without a line feed is refused: the text was cut, and half a number is a wrong number.
 */
export function parsePrometheusText(text: string, wanted: (name: string) => boolean): Sample[] {
  const samples: Sample[] = [];
  let number = 0;
  for (let start = 0, end: number; start < text.length; start = end + 1) {
    number++;
    end = text.indexOf('\n', start);
    if (end === -1) throw new PrometheusFormatError(number, 'the text ends in the middle of a line');
    const from = skipBlanks(text, start);
    const first = text.charCodeAt(from);
    if (first === LINE_FEED || first === HASH || (first === CARRIAGE_RETURN && from + 1 === end)) continue;
    const nameEnd = skipName(text, from);
    if (nameEnd === from || !endsName(text.charCodeAt(nameEnd)))
      throw new PrometheusFormatError(number, 'no metric name');
    const name = text.slice(from, nameEnd);
    if (wanted(name)) samples.push(parseRest(name, text.slice(nameEnd, end), number));
  }
  return samples;
}

const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const HASH = 35;
const OPEN_BRACE = 123;

/** What follows a name: labels, then a value and perhaps a time, which nobody here needs. */
function parseRest(name: string, rest: string, line: number): Sample {
  const labels = Object.create(null) as Record<string, string>;
  let at = skipBlanks(rest, 0);
  if (rest.charCodeAt(at) === OPEN_BRACE) at = parseLabels(rest, at + 1, labels, line);
  const [value, time, more] = rest
    .slice(at)
    .trim()
    .split(/[ \t]+/, 3);
  if (more !== undefined || (time !== undefined && !/^[+-]?\d+$/.test(time)))
    throw new PrometheusFormatError(line, 'something after the value');
  return { name, labels, value: parseValue(value ?? '', line) };
}

/** Fills `labels` from the text behind the opening brace; answers the place behind the closing one. */
function parseLabels(text: string, start: number, labels: Record<string, string>, line: number): number {
  for (let at = skipBlanks(text, start); ; at = skipBlanks(text, at)) {
    if (text[at] === '}') return at + 1;
    const nameEnd = skipName(text, at);
    const equals = skipBlanks(text, nameEnd);
    const quote = skipBlanks(text, equals + 1);
    if (nameEnd === at || text[equals] !== '=' || text[quote] !== '"')
      throw new PrometheusFormatError(line, 'a label is not name="value"');
    const valueEnd = closingQuote(text, quote + 1);
    if (valueEnd === -1) throw new PrometheusFormatError(line, 'a label value is not closed');
    labels[text.slice(at, nameEnd)] = unescape(text.slice(quote + 1, valueEnd));
    at = skipBlanks(text, valueEnd + 1);
    if (text[at] === ',') at++;
    else if (text[at] !== '}') throw new PrometheusFormatError(line, 'labels are not separated by commas');
  }
}

function closingQuote(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

function unescape(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

// Each alternative begins differently and no two repetitions touch: it can't backtrack.
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

function parseValue(token: string, line: number): number {
  if (NUMBER.test(token)) return Number(token);
  switch (token.toLowerCase()) {
    case 'nan':
      return NaN;
    case 'inf':
    case '+inf':
      return Infinity;
    case '-inf':
      return -Infinity;
    default:
      throw new PrometheusFormatError(line, 'the value is not a number');
  }
}

function skipBlanks(text: string, at: number): number {
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++;
  return at;
}

/** Letters, digits, `_` and `:`, the first no digit; the place behind them. */
function skipName(text: string, start: number): number {
  let at = start;
  for (; ; at++) {
    const code = text.charCodeAt(at);
    const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code === 58;
    if (!letter && !(at > start && code >= 48 && code <= 57)) return at;
  }
}

function endsName(code: number): boolean {
  return code === SPACE || code === TAB || code === OPEN_BRACE;
}
