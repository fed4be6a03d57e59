import { Test } from '@nestjs/testing';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { addSecurityHeaders } from './security-headers.js';

describe('addSecurityHeaders', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    app = (await Test.createTestingModule({}).compile()).createNestApplication(new FastifyAdapter());
    await addSecurityHeaders(app);
    const server = app.getHttpAdapter().getInstance();
    server.get('/there', () => ({}));
    server.get('/broken', () => {
      throw new Error('broken');
    });
    await app.init();
    await server.ready();
  });

  afterAll(() => app.close());

  it.each([
    ['/there', 200],
    ['/there', 200],
    ['/broken', 500],
    ['/nowhere', 404],
  ])('puts them on every answer: %s, %i', async (url, status) => {
    const { headers, statusCode } = await app.inject({ method: 'GET', url });
    expect(statusCode).toBe(status);
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'") as string,
      'cross-origin-resource-policy': 'same-site',
      'strict-transport-security': expect.stringContaining('max-age=') as string,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
    });
  });
});
