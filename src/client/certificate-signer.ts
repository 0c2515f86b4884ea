/** What a certificate request (PKCS #10) asks for. */
export interface RequestedCertificate {
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  emailAddresses: string[];
  uris: string[];
}

/** The cluster's certificate authority, for those who decide what it signs. */
export interface CertificateSigner {
  /** Reads a request in PEM. Throws an Error for anything else. */
  read(requestPem: string): Promise<RequestedCertificate>;
  /**
   * Signs what a request asks for: its subject, its alternative names and its key.
   * @param usages as certificates.k8s.io names them: 'client auth', 'digital signature'.
   * @param seconds how long it is valid; never longer than the authority itself.
   * @returns the certificate, in PEM.
   */
  sign(requestPem: string, usages: readonly string[], seconds: number): Promise<string>;
}
