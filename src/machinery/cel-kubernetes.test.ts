import { describe, expect, test } from 'vitest';
import { compileCel } from './index.ts';

const evaluate = (source: string) => compileCel(source).evaluate({});

// What Kubernetes' own documentation and tests of its libraries say.
describe('the libraries of Kubernetes', () => {
  test.each<[string, unknown]>([
    ['url("https://user@example.com:8443/a%20b?x=1&x=2&y=").getHost()', 'example.com:8443'],
    ['url("https://example.com:443").getPort() + url("https://example.com:443").getEscapedPath()', '443'],
    ['url("https://[::1]:80/").getHostname()', '::1'],
    ['url("https://example.com:8443/a%20b").getEscapedPath()', '/a%20b'],
    ['url("https://example.com/?x=1&x=2&y=").getQuery()', { x: ['1', '2'], y: [''] }],
    ['url("/a/b").getScheme() + url("/a/b").getHost() + url("/a/b").getEscapedPath()', '/a/b'],
    ['isURL("../a") || isURL("a b")', false],
    ['isIP("127.0.0.1") && isIP("::1") && !isIP("::ffff:1.2.3.4") && !isIP("fe80::1%eth0")', true],
    ['ip("10.0.0.1").family() + ip("::1").family()', 10],
    ['ip("127.0.0.1").isLoopback() && !ip("127.0.0.1").isGlobalUnicast()', true],
    ['ip("8.8.8.8").isGlobalUnicast() && !ip("ff02::1").isGlobalUnicast()', true],
    ['ip.isCanonical("2001:db8::abcd") && !ip.isCanonical("2001:DB8::ABCD")', true],
    ['cidr("192.168.0.0/24").containsIP("192.168.0.1") && !cidr("192.168.0.0/24").containsIP(ip("10.0.0.1"))', true],
    ['cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.1.0.0/16").containsCIDR("10.0.0.0/8")', true],
    ['cidr("::1/128").prefixLength()', 128],
    ['string(cidr("192.168.0.0/24")) + " " + string(cidr("192.168.0.0/24").ip())', '192.168.0.0/24 192.168.0.0'],
    ['isCIDR("192.168.0.0/33") || isCIDR("192.168.0.0") || isCIDR("x/8")', false],
    ['semver("1.2.3-rc.1+build").major() + semver("1.2.3").patch()', 4],
    ['semver("1.0.0-alpha").isLessThan(semver("1.0.0")) && semver("1.0.0-2").isLessThan(semver("1.0.0-10"))', true],
    ['semver("1.0.0-rc").compareTo(semver("1.0.0-rc.1"))', -1],
    ['isSemver("v1.0") || isSemver("01.0.0")', false],
    ['isSemver("v1.0", true) && semver("v01.02", true).compareTo(semver("1.2.0")) == 0', true],
  ])('%s', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test.each(['url("a b")', 'ip("1.2.3")', 'cidr("1.2.3.4")', 'semver("1.2")'])('%s is refused', (source) => {
    expect(() => evaluate(source)).toThrow('parse error');
  });
});
