import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateSigner } from '../client/index.ts';
import { createAdmission } from './admission/admission.ts';
import { createDynamicAdmission } from './admission/dynamic.ts';
import { NO_POD_SECURITY, readAdmissionConfiguration } from './admission/pod-security/configuration.ts';
import { parseServiceRange } from './admission/service-range.ts';
import { registerApiServices } from './api-services.ts';
import { openAudit } from './audit/audit.ts';
import { createAccess } from './auth/access.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { createAuthorizer } from './auth/authorize.ts';
import type { Authority } from './auth/certificate-requests.ts';
import { kubeconfigText } from './auth/kubeconfig.ts';
import { openOidc } from './auth/oidc/open.ts';
import { issueClientCredentials, openPki, type Pki } from './auth/pki.ts';
import { createServiceAccountTokens, SERVICE_ACCOUNT_ISSUER, tokenOptions } from './auth/service-account-tokens.ts';
import { createVirtualHandlers } from './auth/virtual-handlers.ts';
import { bootstrap } from './bootstrap.ts';
import type { UserInfo } from './contracts.ts';
import type { Core } from './core.ts';
import { createFlowControl } from './flow/flow-control.ts';
import { createDocuments } from './http/documents.ts';
import { type Edge, handleRequest, handleStream } from './http/handler.ts';
import type { HealthCheck } from './http/health.ts';
import { listen } from './http/listen.ts';
import { createMetrics } from './http/metrics.ts';
import { serveOtherPath } from './http/other-paths.ts';
import { createNodes } from './http/pod-streams.ts';
import { stateMetrics } from './http/state-metrics.ts';
import type { ApiServer, ApiServerOptions, ServerLog } from './options.ts';
import { createReader } from './reader.ts';
import { serveCustomResources } from './registry/custom-resources.ts';
import { createRegistry } from './registry/registry.ts';
import { componentStatuses } from './rest/component-status.ts';
import type { Computed } from './rest/computed.ts';
import { type Backend, memoryBackend } from './store/backend.ts';
import { lmdbBackend } from './store/lmdb.ts';
import { maintain } from './store/maintenance.ts';
import { databaseFolder, finishRestore } from './store/snapshot.ts';
import { createStore } from './store/store.ts';
import { createInProcessTransport } from './transport.ts';
import { podMetrics } from './usage/resources.ts';
import { serveUsage } from './usage/serve.ts';
import { createWatchActivity } from './watch-activity.ts';

const DEFAULT_ADDRESS = '127.0.0.1';
const DEFAULT_SERVICE_RANGE = '10.96.0.0/16';
const ADMIN: UserInfo = { username: 'system:admin', groups: ['system:masters', 'system:authenticated'] };
const SILENT: ServerLog = { info() {}, warn() {}, error() {} };

/**
 * Starts the embedded API server; resolves when it answers requests.
 * @throws Error when an option, the data folder or its PKI cannot be used, or no port can be bound.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const log = options.log ?? SILENT;
  const address = options.bindAddress ?? DEFAULT_ADDRESS;
  const serviceRange = options.serviceClusterIpRange ?? DEFAULT_SERVICE_RANGE;
  const range = parseServiceRange(serviceRange);
  const clientCas = options.clientCaFile ? [readFileSync(options.clientCaFile, 'utf8')] : [];
  const tokenFile = options.tokenAuthFile ? readFileSync(options.tokenAuthFile, 'utf8') : undefined;

  const { admissionControlConfigFile } = options;
  const podSecurity = admissionControlConfigFile
    ? readAdmissionConfiguration(admissionControlConfigFile)
    : NO_POD_SECURITY;

  const { oidc, anonymous } = await openOidc(options, options.serviceAccountIssuer ?? [SERVICE_ACCOUNT_ISSUER], log);
  const pki = await pkiFor(options.dataDir, range.first, address);
  const audit = await openAudit(options, log);
  const backend = options.dataDir ? databaseIn(options.dataDir, options.quotaBackendBytes) : memoryBackend();
  const store = createStore(backend);
  const reader = createReader(store);
  const authorizer = createAuthorizer(options.authorizationMode ?? 'RBAC', reader);
  const listener = await listen({ ...pki.serving, clientCas: [pki.caPem, ...clientCas] }, address, options.port ?? 0);
  const host = address === '0.0.0.0' || address === '::' ? DEFAULT_ADDRESS : address;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
  const url = `https://${authority}`;

  const tokens = createServiceAccountTokens({
    ...{ keyPem: pki.serviceAccountKeyPem, serverUrl: url, reader },
    ...tokenOptions(options),
  });
  const authenticator = createAuthenticator({
    ...{ tokens, ...(oidc ? { oidc } : {}), ...(tokenFile === undefined ? {} : { tokenFile }) },
    anonymous: anonymous ?? (() => allowsAnonymous(options)),
  });
  const access = createAccess(authenticator, authorizer);
  const registry = createRegistry();
  const dynamic = createDynamicAdmission(store, registry, authorizer, log);
  const computed = new Map<string, Computed>([['componentstatuses', componentStatuses(store)]]);
  const core: Core = {
    store,
    registry,
    computed,
    admission: createAdmission(store, { serviceRange, podSecurity, authorizer }, dynamic.configured),
    virtual: createVirtualHandlers({ authenticator, authorizer, tokens, reader }),
    checkEscalation: authorizer.checkEscalation,
  };
  const stopCustomResources = serveCustomResources(core, log);
  const apiServices = registerApiServices(core, log);
  await bootstrap(core, { serviceRange, address: host, port: listener.port, clientCas: [pki.caPem, ...clientCas] });

  const stopping = new AbortController();
  const flow = createFlowControl(store);
  const metrics = createMetrics(() => stateMetrics(store, flow) + dynamic.metrics());
  const nodes = createNodes();
  const documents = createDocuments(registry, authority);
  const checks: HealthCheck[] = [
    { name: 'ping', run: () => undefined },
    { name: 'etcd', run: () => store.failure },
    { name: 'poststarthook/rbac/bootstrap-roles', run: () => undefined },
    { name: 'poststarthook/crd-informer-synced', run: () => undefined },
    { name: 'shutdown', run: () => (stopping.signal.aborted ? 'process is shutting down' : undefined) },
  ];
  const edge: Edge = {
    core,
    access,
    audit,
    flow,
    nodes,
    metrics,
    log,
    stopped: stopping.signal,
    serveOther: (...request) =>
      serveOtherPath({ checks, documents, metrics, tokens, secrets: backend.secrets }, ...request),
  };
  listener.server.on('request', (request, response) => void handleRequest(edge, request, response));
  listener.server.on('upgrade', (request, socket, head) => void handleStream(edge, request, socket, head));
  const stopMaintenance = maintain(store, log);
  backend.secrets
    ?.resume()
    .catch((error: unknown) => log.error({ err: error }, 'sealing Secrets with a new key failed'));

  const stop = async (): Promise<void> => {
    stopping.abort();
    const maintained = stopMaintenance();
    apiServices.stop();
    stopCustomResources();
    flow.stop();
    authorizer.stop();
    dynamic.close();
    await Promise.all([maintained, listener.close()]);
    await Promise.all([audit?.close(), store.close()]);
  };
  let stopped: Promise<void> | undefined;
  const activity = createWatchActivity();
  const inProcess = { core, permit: access.permit, documents, nodes, activity, stopped: stopping.signal };
  return {
    url,
    port: listener.port,
    caPem: pki.caPem,
    signer: signerOf({ certPem: pki.caPem, key: pki.caKey }),
    adminKubeconfig: () => kubeconfigText({ server: url, caPem: pki.caPem, ...pki.admin }),
    async kubeconfigOf(username, groups = []) {
      const credentials = await issueClientCredentials(pki, username, groups);
      return kubeconfigText({ server: url, caPem: pki.caPem, user: username, ...credentials });
    },
    transport: (user = ADMIN) => createInProcessTransport(inProcess, user),
    connectNode(name, agent) {
      const disconnect = nodes.connect(name, agent);
      if (nodes.usageOf(name) && !registry.any(podMetrics)) {
        serveUsage(core, computed, nodes).catch((error: unknown) => {
          log.error({ err: error }, 'giving readers the right to see usage failed');
        });
        apiServices.sync();
      }
      return disconnect;
    },
    reader,
    get revision() {
      return store.revision;
    },
    caughtUp: activity.caughtUp,
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Loaded when it is needed: most servers never sign a certificate after their start. */
const requests = () => import('./auth/certificate-requests.ts');

function signerOf(authority: Authority): CertificateSigner {
  return {
    read: async (pem) => (await requests()).readRequest(pem),
    sign: async (pem, usages, seconds) => (await requests()).signRequest(authority, pem, usages, seconds),
  };
}

/** Strangers are told apart from others only where an authorizer looks at them, as upstream has it. */
function allowsAnonymous({ anonymousAuth, authorizationMode = '' }: ApiServerOptions): boolean {
  return anonymousAuth ?? !authorizationMode.split(',').includes('AlwaysAllow');
}

/** The database of a data folder, put into its place first where a restore was cut off just before that. */
function databaseIn(dataDir: string, quota: number | undefined): Backend {
  finishRestore(dataDir);
  // 0 is etcd's way to say: as usual.
  return lmdbBackend(databaseFolder(dataDir), quota || undefined);
}

/** The PKI of the data folder; without one, a new one that leaves nothing behind. */
async function pkiFor(dataDir: string | undefined, serviceIP: string, address: string): Promise<Pki> {
  const extraNames = [address];
  if (dataDir) return openPki({ dataDir, serviceIP, extraNames });
  const folder = mkdtempSync(join(tmpdir(), 'homeport-pki-'));
  try {
    return await openPki({ dataDir: folder, serviceIP, extraNames });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
