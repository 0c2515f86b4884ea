import { describe, expect, test } from 'vitest';
import { compileCel } from './index.ts';

const evaluate = (source: string) => compileCel(source).evaluate({});

// What Kubernetes' own documentation and tests of its libraries say.
describe('the libraries of Kubernetes', () => {
  test.each<[string, unknown]>([
    ['"abc 123 def".find("[0-9]+")', '123'],
    ['"1 2 3".findAll("[0-9]", 2).join("-")', '1-2'],
    ['[1, 2, 3].sum() + [3, 1].min() + [3, 1].max() + ["a", "b", "a"].lastIndexOf("a")', 12],
    ['[1, 2, 2].isSorted() && !["b", "a"].isSorted()', true],
    ['sets.contains([1, 2, 3], [3, 1]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])', true],
    ['format.dns1123Label().validate("a-b").hasValue() || format.named("nope").hasValue()', false],
    ['format.dns1123Label().validate("A").value().size()', 1],
    ['cidr("192.168.7.9/24").masked() == cidr("192.168.7.0/24")', true],
    ['string(cidr("2001:db8:ffff::1/33").masked())', '2001:db8:8000::/33'],
    ['[?optional.of(1), ?optional.none(), 2].size() == 2 && {?"a": optional.none()} == {}', true],
    ['{"a": 1}.all(k, v, v == 1) && {"a": 1}.transformMap(k, v, v + 1) == {"a": 2}', true],
    [
      'timestamp("2024-02-29T23:30:00Z").getDayOfMonth("+01:00") + timestamp("2024-02-29T12:00:00Z").getHours("Europe/Berlin")',
      13,
    ],
    [
      '"%.2f %e %x %b %s".format([dyn(3.14159), dyn(1000.0), dyn(255), dyn(5), dyn([1, 2])])',
      '3.14 1.000000e+03 ff 101 [1, 2]',
    ],
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
