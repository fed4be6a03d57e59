import { ApiProperty } from '@nestjs/swagger';

export const IMPORT_ACTIONS = ['create', 'update', 'invalid'] as const;

/** A mistake in a row. */
export class RowErrorView {
  /** @example "/environment" */
  pointer!: string;
  message!: string;
}

/** What would become of a row. */
export class PlannedRowView {
  /** From 1, without the header. */
  row!: number;
  name!: string | null;
  @ApiProperty({ enum: IMPORT_ACTIONS })
  action!: (typeof IMPORT_ACTIONS)[number];
  errors!: RowErrorView[];
}

/** What an import would do. */
export class ImportPlanView {
  rows!: number;
  create!: number;
  update!: number;
  invalid!: number;
  items!: PlannedRowView[];
}

/** A row that was not imported. */
export class FailedRowView {
  row!: number;
  name!: string | null;
  errors!: RowErrorView[];
}

/** What an import did: the result of its operation. */
export class ImportResultView {
  rows!: number;
  created!: number;
  updated!: number;
  /** Rows whose servers were as the row says already. */
  unchanged!: number;
  failed!: number;
  /** The first thousand of those that failed. */
  failures!: FailedRowView[];
}
