import fc from 'fast-check';
import { parsePrometheusText, PrometheusFormatError } from './prometheus-text.js';

const all = (): boolean => true;
const parse = (text: string): unknown[] =>
  parsePrometheusText(text, all).map(({ name, labels, value }) => [name, { ...labels }, value]);

/** The error that a text ends in. */
function failure(text: string): PrometheusFormatError {
  try {
    parsePrometheusText(text, all);
  } catch (error) {
    if (error instanceof PrometheusFormatError) return error;
    throw error;
  }
  throw new Error('it was read without complaint');
}

describe('parsePrometheusText', () => {
  it('reads names, labels and values', () => {
    expect(parse('# HELP a b\n# TYPE a gauge\na 1\nb{x="1",y="two"} 2.5\nc:d_9{} -3\n')).toEqual([
      ['a', {}, 1],
      ['b', { x: '1', y: 'two' }, 2.5],
      ['c:d_9', {}, -3],
    ]);
  });

  it('reads every form of number that Go writes', () => {
    const values = [
      '0',
      '-0.5',
      '.5',
      '5.',
      '+1',
      '1e3',
      '1.8446744073709552e+19',
      '4.9E-05',
      '+Inf',
      '-Inf',
      'Inf',
      'NaN',
      'nan',
    ];
    expect(parse(values.map((value) => `a ${value}\n`).join('')).map((sample) => (sample as unknown[])[2])).toEqual([
      0,
      -0.5,
      0.5,
      5,
      1,
      1000,
      1.8446744073709552e19,
      4.9e-5,
      Infinity,
      -Infinity,
      Infinity,
      NaN,
      NaN,
    ]);
  });

  it('undoes the escapes of label values, and leaves unknown ones', () => {
    expect(parse(String.raw`a{p="C:\\new\\",q="say \"hi\"",n="one\ntwo",u="\d",b="}, {"} 1` + '\n')).toEqual([
      ['a', { p: 'C:\\new\\', q: 'say "hi"', n: 'one\ntwo', u: '\\d', b: '}, {' }, 1],
    ]);
  });

  it('allows blanks, trailing commas, CRLF, empty lines and times', () => {
    expect(parse('\n  a\t{ x = "1" , y="2", }\t 3 \r\n\r\n \n#\n#comment\nb 4 1395066363000\nc 5\t-1\r\n')).toEqual([
      ['a', { x: '1', y: '2' }, 3],
      ['b', {}, 4],
      ['c', {}, 5],
    ]);
  });

  it('reads nothing from nothing', () => {
    expect(parse('')).toEqual([]);
    expect(parse('# only a comment\n')).toEqual([]);
  });

  it('takes a label called __proto__ for a label', () => {
    const [sample] = parsePrometheusText('a{__proto__="x"} 1\n', all);
    expect(Object.entries(sample?.labels ?? {})).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('looks at unwanted metrics no further than their name', () => {
    const text = 'other{broken 1\nother what\nwanted{x="1"} 2\nwanted_not 3\n';
    expect(parsePrometheusText(text, (name) => name === 'wanted').map(({ name, value }) => [name, value])).toEqual([
      ['wanted', 2],
    ]);
  });

  it.each([
    ['a page', '<!DOCTYPE html>\n<html></html>\n', 1],
    ['JSON', '{"status":"ok"}\n', 1],
    ['a sentence', 'a 1\nInternal server error.\n', 2],
    ['a name that begins with a digit', 'a 1\n\n9a 1\n', 3],
    ['a name alone', 'a\n', 1],
    ['a name and a blank', 'a \n', 1],
    ['labels without a value', 'a{x="1"}\n', 1],
    ['a value that is no number', 'a 0x10\n', 1],
    ['half a number', 'a 1e\n', 1],
    ['a time that is no time', 'a 1 soon\n', 1],
    ['something after the time', 'a 1 2 3\n', 1],
    ['labels that never close', 'a{x="1" 1\n', 1],
    ['a value that never closes', 'a{x="1\\"} 1\nb 1\n', 1],
    ['a label without quotes', 'a{x=1} 1\n', 1],
    ['a label without a name', 'a{="1"} 1\n', 1],
    ['labels without a comma', 'a{x="1"y="2"} 1\n', 1],
    ['compressed bytes', '\u001f\u008b\b\0', 1],
  ])('refuses %s and says where', (_what, text, line) => {
    expect(failure(text.endsWith('\n') ? text : `${text}\n`).line).toBe(line);
  });

  it('refuses a text that was cut in the middle of a number', () => {
    expect(failure('a 1\nb 12').message).toBe('Line 2: the text ends in the middle of a line');
  });

  it('never repeats what came from outside in its message', () => {
    for (const text of ['secret\n', 'a secret\n', 'a{secret} 1\n', 'a{x="secret\n', 'a 1 secret\n']) {
      expect(failure(text).message).not.toContain('secret');
    }
  });

  it('reads back whatever labels are written', () => {
    const escape = (value: string): string => value.replace(/[\\"\n]/g, (it) => (it === '\n' ? '\\n' : `\\${it}`));
    const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
    const value = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.double(), (labels, number) => {
        const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`);
        const written = Number.isFinite(number) ? String(number) : number > 0 ? '+Inf' : number < 0 ? '-Inf' : 'NaN';
        const [sample, ...more] = parsePrometheusText(`m{${pairs.join(',')}} ${written}\n`, all);
        expect(more).toEqual([]);
        expect(Object.entries(sample?.labels ?? {}).sort()).toEqual(Object.entries(labels).sort());
        expect(sample?.value).toBe(Object.is(number, -0) ? 0 : number);
      }),
    );
  });

  it('ends any text in samples or in a format error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab1{}="\\,.# \t\n\r+e') }), (text) => {
        try {
          parsePrometheusText(text, all);
        } catch (error) {
          expect(error).toBeInstanceOf(PrometheusFormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes time linear to the text, whatever it holds', () => {
    const awkward = (size: number): string[] => [
      `a ${'1'.repeat(size)}x\n`,
      `a 1 ${'1'.repeat(size)}x\n`,
      `a${' '.repeat(size)}1${' '.repeat(size)}x\n`,
      `a{x="${'\\\\'.repeat(size)}"} 1\n`,
      `a{x="${'x'.repeat(size)}\n`,
      `a{${'b="c",'.repeat(size)}} 1\n`,
      '\n'.repeat(size),
    ];
    for (const text of awkward(300_000)) {
      const start = performance.now();
      try {
        parsePrometheusText(text, all);
      } catch (error) {
        expect(error).toBeInstanceOf(PrometheusFormatError);
      }
      // 10 to 100 ms; anything quadratic takes minutes
      expect(performance.now() - start).toBeLessThan(3000);
    }
  });
});
