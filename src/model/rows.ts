/** A table of labelled rows: facts in, and out of the one row that holds the decision and its label. */
export type Row<Facts, Decision> = {
  readonly label: string;
  /** A fact that is not named may be anything. */
  readonly when: { readonly [F in keyof Facts]?: readonly Facts[F][] };
  readonly decision: Decision;
};

export type Decided<Decision> = { readonly label: string; readonly decision: Decision };

export function onlyRow<Facts extends object, Decision>(
  table: readonly Row<Facts, Decision>[],
  facts: Facts,
): Decided<Decision> {
  const rows = table.filter(({ when }) => holds(when, facts));
  const [row, second] = rows;
  if (row === undefined || second !== undefined) {
    throw new TypeError(`${rows.length} rows for ${JSON.stringify(facts)}, want exactly one`);
  }
  return { label: row.label, decision: row.decision };
}

function holds<Facts extends object>(when: Row<Facts, unknown>['when'], facts: Facts): boolean {
  return (Object.keys(when) as (keyof Facts)[]).every((key) => when[key]?.includes(facts[key]) ?? true);
}
