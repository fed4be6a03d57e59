/** Why an item failed. */
export class BulkProblemView {
  /** @example 404 */
  status!: number;
  /** @example "not_found" */
  code!: string;
  detail!: string;
}

/** What became of one server. */
export class BulkItemView {
  id!: string;
  ok!: boolean;
  /** False: it was in the wanted state already. Absent when it failed. */
  changed?: boolean;
  problem?: BulkProblemView;
}

/** What became of each server, in the order of the ids. */
export class BulkResultView {
  items!: BulkItemView[];
}
