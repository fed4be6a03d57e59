import {
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Post,
  Query,
  Res,
  StreamableFile,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiBody,
  ApiConsumes,
  ApiExtraModels,
  ApiOkResponse,
  ApiResponse,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { accepted, Allow, OperationView } from '#core';
import { CreateServerDto } from '../servers.dto.js';
import { ServersService } from '../servers.service.js';
import { EXPORT_TYPES, exportStream } from './export-stream.js';
import { ExportQuery, ImportQuery } from './import.dto.js';
import { ImportPlanView } from './import.view.js';
import { ImportsService } from './imports.service.js';

const MAX_BYTES = 10 * 1024 * 1024;

/** The body as it was parsed: thousands of rows are more than the ordinary checks of bodies allow; each row is checked by itself. */
const Rows = createParamDecorator((_: unknown, context: ExecutionContext): unknown => {
  const { body, headers } = context.switchToHttp().getRequest<FastifyRequest>();
  const isCsv = /^text\/csv\s*(;|$)/i.test(headers['content-type'] ?? '');
  if (typeof body === 'string' && !isCsv) throw new UnsupportedMediaTypeException('Send text/csv or application/json.');
  return body;
});

@Controller('servers')
@ApiTags('Servers')
@ApiExtraModels(ImportPlanView, OperationView)
export class ImportsController {
  constructor(
    private readonly imports: ImportsService,
    private readonly servers: ServersService,
  ) {}

  /**
   * Registers up to 10,000 servers (10 MB) from CSV or JSON, as an operation whose result holds the counts and the rows that failed. CSV
   * is RFC 4180 in UTF-8 with a header row; columns are those of the export. With `dryRun` nothing is written, and the answer says what
   * would become of each row. Rights are checked for each row.
   */
  @Post('import')
  @RouteConfig({ bodyLimit: MAX_BYTES, csv: true })
  @Allow('servers:write', { scope: 'checked', action: 'server.import' })
  @ApiConsumes('text/csv', 'application/json')
  @ApiBody({
    schema: { oneOf: [{ type: 'string' }, { type: 'array', items: { $ref: getSchemaPath(CreateServerDto) } }] },
  })
  @ApiOkResponse({ description: 'What would become of each row.', type: ImportPlanView })
  @ApiResponse({ status: 202, description: 'Accepted; `Location` leads to the operation.', type: OperationView })
  async import(
    @Query() query: ImportQuery,
    @Rows() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportPlanView | OperationView> {
    if (!query.dryRun) return accepted(reply, await this.imports.start(body, query));
    void reply.status(200);
    return this.imports.plan(body, query);
  }

  /** Servers that the caller may see, in the form that the import takes; without anything secret. */
  @Get('export')
  @Allow('servers:read', { scope: 'checked' })
  @ApiOkResponse({
    description: 'The servers, streamed.',
    content: {
      'text/csv': { schema: { type: 'string' } },
      'application/json': { schema: { type: 'array', items: { $ref: getSchemaPath(CreateServerDto) } } },
    },
  })
  export(@Query() { format, ...filter }: ExportQuery): StreamableFile {
    return new StreamableFile(exportStream(this.servers.batches(filter), format), {
      type: EXPORT_TYPES[format],
      disposition: `attachment; filename="servers.${format}"`,
    });
  }
}
