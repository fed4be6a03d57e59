import { Transform } from 'class-transformer';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { ServerFilter } from '../servers.dto.js';

/** What becomes of rows that are not valid. */
export const IMPORT_MODES = ['all', 'valid'] as const;

/** How servers are imported. */
export class ImportQuery {
  /** True: nothing is written; the answer says what would become of each row. */
  @ApiPropertyOptional({ type: Boolean, default: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  dryRun: boolean = false;

  /** `all`: either every row is imported or none. `valid`: those that can be. */
  @ApiPropertyOptional({ enum: IMPORT_MODES, default: 'all' })
  @IsOptional()
  @IsIn(IMPORT_MODES)
  mode: (typeof IMPORT_MODES)[number] = 'all';

  /** `name`: a row whose name is there already changes that server. Without it such a row is not valid. */
  @IsOptional()
  @IsIn(['name'])
  update?: 'name';
}

/** Which servers are exported, and how. */
export class ExportQuery extends ServerFilter {
  @ApiPropertyOptional({ enum: ['csv', 'json'], default: 'csv' })
  @IsOptional()
  @IsIn(['csv', 'json'])
  format: 'csv' | 'json' = 'csv';
}
