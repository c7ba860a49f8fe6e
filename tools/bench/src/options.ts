// The options of a benchmark: what they take, and what is taken without them.

export interface Option<Value> {
  /** What stands for the value in the usage. */
  readonly form: string;
  readonly about: string;
  /** As written on the command line. */
  readonly fallback: string;
  readonly parse: (text: string) => Value | undefined;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type ValuesOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};
export type Texts = Readonly<Record<string, string | undefined>>;

/** What was asked for makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const option = {
  /** A whole number from 1 on. */
  count(fallback: number, about: string): Option<number> {
    return { form: 'N', about, fallback: String(fallback), parse: parseCount };
  },

  /** Several of them. */
  counts(fallback: readonly number[], about: string): Option<readonly number[]> {
    return { form: 'N,N,...', about, fallback: fallback.join(), parse: (text) => parseAll(text, parseCount) };
  },

  choice<const Word extends string>(words: readonly [Word, ...Word[]], about: string): Option<Word> {
    return { form: words.join('|'), about, fallback: words[0], parse: (text) => words.find((word) => word === text) };
  },

  /** Several of these words; without the option all. */
  some<const Word extends string>(words: readonly Word[], about: string): Option<readonly Word[]> {
    const parse = (text: string) => parseAll(text, (each) => words.find((word) => word === each));
    return { form: words.join(), about, fallback: words.join(), parse };
  },
};

/** Throws a UsageError for the first text that its option does not take. */
export function parseOptions<Table extends OptionTable>(table: Table, texts: Texts): ValuesOf<Table> {
  const values = Object.entries(table).map(([name, { form, fallback, parse }]) => {
    const text = texts[name] ?? fallback;
    const value = parse(text);
    if (value === undefined) throw new UsageError(`--${name} takes ${form}, not ${text}`);
    return [name, value] as const;
  });
  return Object.fromEntries(values) as ValuesOf<Table>;
}

function parseCount(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

function parseAll<Value>(text: string, parse: (text: string) => Value | undefined): readonly Value[] | undefined {
  const values = text.split(',').map(parse);
  return values.includes(undefined) ? undefined : (values as Value[]);
}
