import type { LookupAddress } from 'node:dns';
import { OutboundGuard, OutboundRefused, parseAllowance } from './outbound-guard.js';

const guard = (allow: string, local = false): OutboundGuard => new OutboundGuard(parseAllowance(allow, local));
const check = (host: string, allow = '', local = false): void => {
  guard(allow, local).checkUrl(`http://${host}/`, ['http:', 'https:']);
};

describe('OutboundGuard', () => {
  it.each([
    '169.254.169.254',
    '169.254.1.1',
    '2852039166', // 169.254.169.254 as one number
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '169.254.43518',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:a9fe:a9fe::1]',
    '[::169.254.169.254]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '100.100.100.200',
    '168.63.129.16',
    '0.0.0.0',
    '[::]',
    '224.0.0.1',
    '255.255.255.255',
    '[ff02::1]',
    '[fd00:ec2::23]',
    '[fd20:ce::254]',
    '[fd00:c1::a9fe:a9fe]',
    '[fd00:42::42]',
    '[fd00:a9fe:a9fe::1]',
    '[fd00:100::100:200]',
    '[64:ff9b:1:a9fe:a9:fe00:808:808]', // 169.254.169.254 for a NAT64 of one's own, with a public address at the end
    '[fec0::1]',
    '[::5]',
    '[4000::1]',
  ])('never connects to %s, whatever is allowed', (host) => {
    expect(() => check(host, '0.0.0.0/0,::/0', true)).toThrow(OutboundRefused);
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '[::1]',
    '[fd12::1]',
    '[::ffff:10.0.0.1]',
    '2130706433',
    '127.1',
  ])('refuses %s in production unless it is listed, and names OUTBOUND_ALLOW', (host) => {
    expect(() => check(host)).toThrow(/OUTBOUND_ALLOW/);
    expect(() => check(host, '', true)).not.toThrow();
  });

  it('allows what is listed by address or CIDR, and only that', () => {
    expect(() => check('10.1.2.3', '10.1.0.0/16')).not.toThrow();
    expect(() => check('10.2.0.1', '10.1.0.0/16')).toThrow(OutboundRefused);
    expect(() => check('[::1]', '::1')).not.toThrow();
    expect(() => check('[::ffff:10.1.2.3]', '10.1.2.3')).not.toThrow();
  });

  it('lets public addresses pass', () => {
    expect(() => check('93.184.216.34')).not.toThrow();
    expect(() => check('[2606:2800:220:1::1]')).not.toThrow();
  });

  it('refuses other schemes, credentials in the URL and what is no URL', () => {
    const strict = guard('', true);
    expect(() => strict.checkUrl('file:///etc/passwd', ['http:'])).toThrow(/must start with/);
    expect(() => strict.checkUrl('http://user:secret@example.com/', ['http:'])).toThrow(/user name/);
    expect(() => strict.checkUrl('nonsense', ['http:'])).toThrow(OutboundRefused);
    for (const url of [
      'http://a\n.example/',
      ' http://a.example/',
      'http://a.example\\@b.example/',
      'http://a\u200b.example/',
    ])
      expect(() => strict.checkUrl(url, ['http:'])).toThrow(/backslashes/);
  });

  it('checks the addresses of a name when it connects, unless the name is listed', async () => {
    const resolve = (allow: string): Promise<LookupAddress[]> =>
      new Promise((done, fail) =>
        guard(allow).lookup('localhost', { all: true }, (error, found) =>
          error ? fail(error) : done(found as LookupAddress[]),
        ),
      );
    await expect(resolve('')).rejects.toThrow(/OUTBOUND_ALLOW/);
    expect((await resolve('localhost'))[0]?.address).toMatch(/^(127\.0\.0\.1|::1)$/);
  });

  it('permits a unix socket only where it is listed, outside production any', () => {
    expect(() => guard('unix:///run/docker.sock').checkUnixPath('/run/docker.sock')).not.toThrow();
    expect(() => guard('unix:///run/docker.sock').checkUnixPath('/run/other.sock')).toThrow(/OUTBOUND_ALLOW/);
  });

  it('names a wrong entry of the list', () => {
    expect(() => parseAllowance('10.0.0.0/8, not a host!', false)).toThrow(/not a host!/);
  });
});
