export interface KubeconfigOptions {
  /** https://127.0.0.1:6443 */
  server: string;
  caPem: string;
  certPem: string;
  keyPem: string;
  /** The name of cluster and context; 'homeport' unless told otherwise. */
  name?: string;
  /** The name of the user; that of the cluster with '-admin' unless told otherwise. */
  user?: string;
}

/** A kubeconfig with everything embedded, as YAML. */
export function kubeconfigText(options: KubeconfigOptions): string {
  const name = options.name ?? 'homeport';
  const user = options.user ?? `${name}-admin`;
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  // A JSON string is a YAML string as well, whatever is in it.
  const quoted = JSON.stringify;
  return `apiVersion: v1
kind: Config
clusters:
  - name: ${quoted(name)}
    cluster:
      server: ${quoted(options.server)}
      certificate-authority-data: ${base64(options.caPem)}
users:
  - name: ${quoted(user)}
    user:
      client-certificate-data: ${base64(options.certPem)}
      client-key-data: ${base64(options.keyPem)}
contexts:
  - name: ${quoted(name)}
    context:
      cluster: ${quoted(name)}
      user: ${quoted(user)}
current-context: ${quoted(name)}
preferences: {}
`;
}
