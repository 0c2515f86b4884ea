import { execFile } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubeconfigText } from './kubeconfig.ts';
import { openPki } from './pki.ts';
import { writePrivateFile } from './private-file.ts';

const DAY = 24 * 60 * 60 * 1000;
const serviceIP = '10.96.0.1';
let dataDir = '';

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'homeport-pki-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

describe('openPki', () => {
  it('signs a serving certificate for every name under which the server is reached', async () => {
    const pki = await openPki({ dataDir, serviceIP, extraNames: ['homeport.example', 'fd00::1:2', 'fe80::1%lo'] });
    const serving = new X509Certificate(pki.serving.certPem);
    const ca = new X509Certificate(pki.caPem);
    expect(serving.verify(ca.publicKey)).toBe(true);
    expect(serving.checkIssued(ca)).toBe(true);
    for (const host of ['localhost', 'kubernetes', 'kubernetes.default.svc.cluster.local', 'homeport.example']) {
      expect(serving.checkHost(host), host).toBe(host);
    }
    for (const ip of ['127.0.0.1', '::1', serviceIP, 'fd00::1:2', 'fe80::1']) expect(serving.checkIP(ip), ip).toBe(ip);
    expect(serving.checkHost('elsewhere.example')).toBeUndefined();
    expect(serving.ca).toBe(false);
    expect(ca.ca).toBe(true);
  });

  it("names the administrator as kubeadm does, in a certificate that is no server's", async () => {
    const admin = new X509Certificate((await openPki({ dataDir, serviceIP })).admin.certPem);
    expect(admin.subject).toBe('O=system:masters\nCN=kubernetes-admin');
    expect(admin.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  it('keeps everything for the next start, readable by its owner alone', async () => {
    const first = await openPki({ dataDir, serviceIP });
    expect(await openPki({ dataDir, serviceIP })).toEqual(first);
    const folder = join(dataDir, 'pki');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777, file).toBe(0o600);
  });

  it('loads no certificate library when everything is there already', async () => {
    await openPki({ dataDir, serviceIP });
    const program = `
      const { openPki } = await import(${JSON.stringify(new URL('pki.ts', import.meta.url).href)});
      await openPki(${JSON.stringify({ dataDir, serviceIP })});
      console.log('getMetadata' in Reflect);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
    expect(stdout).toBe('false\n');
  });

  it('renews certificates before they expire, with the same authority and the same token key', async () => {
    const now = Date.now();
    const first = await openPki({ dataDir, serviceIP, now: now - 340 * DAY });
    const renewed = await openPki({ dataDir, serviceIP, now });
    expect(renewed.caPem).toBe(first.caPem);
    expect(renewed.serviceAccountKeyPem).toBe(first.serviceAccountKeyPem);
    expect(renewed.serving.certPem).not.toBe(first.serving.certPem);
    expect(renewed.admin.certPem).not.toBe(first.admin.certPem);
    expect(new X509Certificate(renewed.admin.certPem).verify(new X509Certificate(first.caPem).publicKey)).toBe(true);
  });

  it('signs again when the names change or a key was replaced', async () => {
    const first = await openPki({ dataDir, serviceIP });
    const moved = await openPki({ dataDir, serviceIP: '10.97.0.1' });
    expect(new X509Certificate(moved.serving.certPem).checkIP('10.97.0.1')).toBe('10.97.0.1');
    expect(moved.admin).toEqual(first.admin);
    rmSync(join(dataDir, 'pki', 'ca.key'));
    const other = await openPki({ dataDir, serviceIP });
    expect(other.caPem).not.toBe(first.caPem);
    expect(new X509Certificate(other.admin.certPem).verify(new X509Certificate(other.caPem).publicKey)).toBe(true);
  });

  it('says which file cannot be read, without its content', async () => {
    await openPki({ dataDir, serviceIP });
    const path = join(dataDir, 'pki', 'sa.key');
    writeFileSync(path, 'not a key but secret all the same');
    await expect(openPki({ dataDir, serviceIP })).rejects.toThrow(/reading the private key .*sa\.key/);
    await expect(openPki({ dataDir, serviceIP })).rejects.not.toThrow(/secret/);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(openPki({ dataDir, serviceIP })).rejects.toThrow(/sa\.key: it is not a P-256 key/);
  });
});

describe('kubeconfigText', () => {
  it('embeds everything, and is written for its owner alone', async () => {
    const pki = await openPki({ dataDir, serviceIP });
    const path = join(dataDir, 'kubeconfig');
    writeFileSync(path, 'an older one', { mode: 0o644 });
    writePrivateFile(path, kubeconfigText({ server: 'https://127.0.0.1:6443', caPem: pki.caPem, ...pki.admin }));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const config = parse(readFileSync(path, 'utf8'));
    expect(config['current-context']).toBe('homeport');
    expect(config.clusters[0].cluster.server).toBe('https://127.0.0.1:6443');
    expect(Buffer.from(config.users[0].user['client-key-data'], 'base64').toString()).toBe(pki.admin.keyPem);
    expect(readdirSync(dataDir).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });
});
