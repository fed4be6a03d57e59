import { Controller, Get, Param, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, ApiCursorPage, type CursorPage, IdParams } from '#core';
import { EXPORTS, exportStream } from './audit-export.js';
import { AuditVerifier } from './audit-verifier.js';
import { AuditExportQuery, AuditQuery } from './audit.dto.js';
import { AuditService } from './audit.service.js';
import { AuditEntryView, AuditVerificationView } from './audit.view.js';

@Controller('audit')
@ApiTags('Audit')
export class AuditController {
  constructor(
    private readonly audit: AuditService,
    private readonly verifier: AuditVerifier,
  ) {}

  /** Who did what, newest first. */
  @Get()
  @Allow('audit:read')
  @ApiCursorPage(AuditEntryView)
  list(@Query() query: AuditQuery): Promise<CursorPage<AuditEntryView>> {
    return this.audit.list(query);
  }

  /** Checks the whole chain: names the first entry that was changed or is missing, the last one included. */
  @Get('verify')
  @Allow('audit:read')
  verify(): Promise<AuditVerificationView> {
    return this.verifier.verify();
  }

  /** All matching entries as a file, newest first. Recorded in the audit log. */
  @Get('export')
  @Allow('audit:read', { action: 'audit.export' })
  @ApiOkResponse({
    description: 'The entries, streamed.',
    content: { 'text/csv': { schema: { type: 'string' } }, 'application/x-ndjson': { schema: { type: 'string' } } },
  })
  export(@Query() { format = 'ndjson', ...filter }: AuditExportQuery): StreamableFile {
    const { type } = EXPORTS[format];
    return new StreamableFile(exportStream(this.audit.all(filter), format), {
      type,
      disposition: `attachment; filename="audit.${format}"`,
    });
  }

  /** One entry, by the id of its action. */
  @Get(':id')
  @Allow('audit:read')
  get(@Param() { id }: IdParams): Promise<AuditEntryView> {
    return this.audit.get(id);
  }
}
