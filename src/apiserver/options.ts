import type { CertificateSigner, Transport } from '../client/index.ts';
import type { ObjectReader, UserInfo } from './contracts.ts';
import type { ConnectedNode } from './http/pod-streams.ts';

/** Where the server writes what an operator should know; pino's shape. */
export interface ServerLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** What is logged of requests, and where. */
export interface AuditOptions {
  /** An audit.k8s.io/v1 Policy; a default that logs no confidential content without one. */
  auditPolicyFile?: string;
  /** Where events go, a line of JSON each; '-' is the standard output. Nothing is logged without it. */
  auditLogPath?: string;
  /** Megabytes; 100 unless given. */
  auditLogMaxsize?: number;
  /** Days; for ever unless given. */
  auditLogMaxage?: number;
  /** Files; all unless given. */
  auditLogMaxbackup?: number;
}

/** Who may come, beside those with certificates and tokens of ours: kube-apiserver's flags of these names. */
export interface AuthenticationFlags {
  /** Whether requests without credentials are those of system:anonymous. Default true, but not with AlwaysAllow. */
  anonymousAuth?: boolean;
  /** An apiserver.config.k8s.io AuthenticationConfiguration file, in place of the flags below. */
  authenticationConfig?: string;
  /** The first one issues service account tokens, those of all are accepted. Default kubeadm's. */
  serviceAccountIssuer?: readonly string[];
  /** How long a service account token may live, as Go writes durations: '24h'. Default: as long as is asked for. */
  serviceAccountMaxTokenExpiration?: string;
  oidcIssuerUrl?: string;
  oidcClientId?: string;
  /** Default 'sub'. */
  oidcUsernameClaim?: string;
  /** '-' for none. Default: the issuer and '#', but for e-mail addresses. */
  oidcUsernamePrefix?: string;
  oidcGroupsClaim?: string;
  oidcGroupsPrefix?: string;
  /** CLAIM=VALUE each. */
  oidcRequiredClaim?: readonly string[];
  /** Default RS256. */
  oidcSigningAlgs?: readonly string[];
  /** PEM file; the authorities that this machine trusts unless given. */
  oidcCaFile?: string;
}

export interface ApiServerOptions extends AuditOptions, AuthenticationFlags {
  /** Folder for the database and the PKI. Absent: everything is kept in memory and is gone after stop(). */
  dataDir?: string;
  /** The port to listen on; a free one is taken when it is in use. Absent or 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  bindAddress?: string;
  /** IPv4 CIDR from which Services get their cluster IPs. Default 10.96.0.0/16. */
  serviceClusterIpRange?: string;
  /** CSV of token,user,uid,"group1,group2" as kube-apiserver's --token-auth-file. */
  tokenAuthFile?: string;
  /** Comma-separated list of RBAC, AlwaysAllow and AlwaysDeny. Default 'RBAC'. */
  authorizationMode?: string;
  /** PEM bundle that client certificates may also be signed by. */
  clientCaFile?: string;
  /** An AdmissionConfiguration file with what the plugin PodSecurity does by default and exempts. */
  admissionControlConfigFile?: string;
  /** How many bytes of the database may be in use, as etcd's option of that name. Default 2 GiB. */
  quotaBackendBytes?: number;
  log?: ServerLog;
}

export interface ApiServer {
  /** 'https://127.0.0.1:6443' */
  readonly url: string;
  readonly port: number;
  /** The CA that signed the serving certificate. */
  readonly caPem: string;
  /** Signs with that CA. */
  readonly signer: CertificateSigner;
  /** A kubeconfig (YAML) with a system:masters client certificate; write it with mode 0600. */
  adminKubeconfig(): string;
  /** A kubeconfig (YAML) with a new client certificate of somebody else, valid for a year. */
  kubeconfigOf(username: string, groups?: readonly string[]): Promise<string>;
  /** The same handlers without HTTP. Objects it returns are shared with the cache: never change one in place. */
  transport(user?: UserInfo): Transport;
  /**
   * Says which agent answers log, exec, attach and port-forward for pods on this node. With the first that measures what
   * they use, metrics.k8s.io is served. Returns the way to undo it.
   */
  connectNode(name: string, agent: ConnectedNode): () => void;
  readonly reader: ObjectReader;
  /** The newest committed revision of all. */
  readonly revision: number;
  /** Resolves when every watch over `transport` has handed on all that is committed. Watches over HTTPS do not count. */
  caughtUp(): Promise<void>;
  /** Ends watches and connections, commits what is pending and closes the store; within a second. */
  stop(): Promise<void>;
}
