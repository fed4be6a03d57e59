import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  security?: Record<string, string[]>[];
  parameters?: object[];
  requestBody?: unknown;
  responses: Record<string, { description?: string; content?: unknown }>;
  'x-permission'?: string;
}

/** What the groups of operations are about. */
const TAGS: Record<string, string> = {
  Audit: 'What was done, by whom, and the proof that nothing is missing.',
  Events: 'What happens, as it happens.',
  Grants: 'Who holds which role where, and why somebody may or may not do something.',
  Operations: 'What takes long: progress, log, result, cancel.',
  Overview: 'Counts over all registered systems.',
  Health: 'Probes and figures of this process. No sign-in needed.',
  Roles: 'Named sets of permissions.',
  Schedules: 'What is done again and again, and when it was done last.',
  'Server services': 'systemd units of a server, over SSH.',
  Servers: 'Registered servers, their state and metrics.',
  'Sign-in': 'Signing in and out, sessions, your own account.',
  Streams: 'Tickets with which browsers open WebSockets.',
  Teams: 'Groups of users that roles can be granted to.',
  Users: 'Who can sign in.',
  Webhooks: 'Addresses outside that are told of events.',
};

const SUCCESS: Record<string, string> = {
  '200': 'Done; the answer.',
  '201': 'Created; `Location` leads to it.',
  '202': 'Accepted; `Location` leads to the operation.',
  '204': 'Done; there is nothing to say.',
};

/** Problems that operations answer, by status. */
const PROBLEMS: Record<string, string> = {
  '400': 'The request is not valid; `errors` points at each mistake.',
  '401': 'Not signed in, or the token is no longer valid.',
  '403': 'The caller lacks the right.',
  '404': 'It does not exist, or the caller may not see it.',
  '409': 'The state of things forbids it.',
  '412': '`If-Match` names a version that is no longer current.',
  '413': 'The body is larger than accepted.',
  '414': 'A part of the path is too long.',
  '431': 'Path and headers together are too long.',
  '415': 'The content type is not accepted.',
  '429': 'Too many requests; `Retry-After` says when to try again.',
  '502': 'The remote system failed or refused the stored credential; `system` names it.',
  '504': 'The remote system did not answer in time; `system` names it.',
  '500': 'Something went wrong; the request id leads to the log.',
  '503': 'The database or a needed part is unavailable for now.',
};

/** The OpenAPI document: what the controllers declare, completed with what holds for every operation. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('EINFRA')
    .setDescription(
      'One API for servers, Docker hosts, Kubernetes clusters and Harbor registries. Sign in with `POST /api/login`, press *Authorize* and paste the `token`.',
    )
    .setVersion('0.1.0')
    .addServer('/')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: 'An access token of POST /api/login, or an API token of POST /api/tokens.',
    })
    .build();
  config.tags = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  addProblemSchema(document);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of ['get', 'put', 'post', 'patch', 'delete'] as const) {
      const operation = item[method] as Operation | undefined;
      if (operation) complete(operation, method, path);
    }
  }
  return document;
}

function complete(operation: Operation, method: string, path: string): void {
  const permission = operation['x-permission'];
  if (permission)
    operation.description = [operation.description, `Needs \`${permission}\`.`].filter(Boolean).join('\n\n');
  for (const [status, response] of Object.entries(operation.responses))
    response.description ||= SUCCESS[status] ?? status;
  if (method === 'post' && isSignedIn(operation)) operation.parameters?.push(IDEMPOTENCY_KEY);
  for (const status of problemsOf(operation, method, path))
    operation.responses[status] ??= { description: PROBLEMS[status] };
  for (const [status, response] of Object.entries(operation.responses)) {
    if (Number(status) >= 400)
      response.content ??= { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  }
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'A second request with the same key and body within a day gets the answer of the first and does nothing.',
  schema: { type: 'string', maxLength: 255 },
};

/** Operations that wait for what a registered system answers. */
const REMOTE = /\/(services|processes|exec|reboot|connectivity)(\/|$)/;

function isSignedIn({ security }: Operation): boolean {
  return !security?.some((requirement) => Object.keys(requirement).length === 0);
}

function problemsOf(operation: Operation, method: string, path: string): string[] {
  if (path.startsWith('/health') || path === '/metrics') return ['400', '500'];
  const signedIn = isSignedIn(operation);
  const statuses = ['400', '429', '500', '503'];
  if (signedIn) statuses.push('401', '403');
  else if (method === 'post') statuses.push('401');
  if (path.includes('{')) statuses.push('404', '414', '431');
  if (method !== 'get') statuses.push('409', '415');
  if (operation.requestBody) statuses.push('413');
  if (REMOTE.test(path)) statuses.push('409', '502', '504');
  if (operation.parameters?.some((parameter) => (parameter as { name?: string }).name === 'If-Match'))
    statuses.push('412');
  return statuses;
}

function addProblemSchema(document: OpenAPIObject): void {
  const text = (description: string, example: string): object => ({ type: 'string', description, example });
  document.components ??= {};
  document.components.schemas ??= {};
  document.components.schemas['Problem'] = {
    type: 'object',
    description: 'RFC 9457 problem document.',
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId'],
    properties: {
      type: text('URN of the kind of problem.', 'urn:einfra:problem:not_found'),
      title: text('Short name of the kind of problem.', 'Not found'),
      status: { type: 'integer', description: 'The HTTP status.', example: 404 },
      detail: text('What happened this time.', 'There is no such server.'),
      instance: text('Path of the request.', '/api/servers/3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11'),
      code: text('Stable code for programs.', 'not_found'),
      requestId: text('Leads to the log and the audit entry.', '0b9e9a1e-7f5e-4f5e-9c3c-3f6b1f0c9f2a'),
      errors: {
        type: 'array',
        description: 'Each mistake in the input.',
        items: {
          type: 'object',
          required: ['pointer', 'message'],
          properties: {
            pointer: text(
              'JSON pointer into the body; `?name` for a query parameter, `:name` for one of the path.',
              '/name',
            ),
            message: text('What is wrong with it.', 'must be shorter than or equal to 100 characters'),
          },
        },
      },
    },
  };
}
