/** A self-signed certificate for localhost and 127.0.0.1, for servers in tests. Its key is public: it protects nothing. */
export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUKkCx7rffGRYDgDmRgDIAfMOKIJ0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE2MTkzNVoYDzIxMjYxMDMw
MTYxOTM1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATqysLEoR1HQ1zpm5HpfHeZBJUMY/P5OZf3/yFfPvUcEmfxKV06loBv
pN+2Rl+KoiCPXhcQxnKNdo2hfNpj5g+8o28wbTAdBgNVHQ4EFgQUrVc19l1Id4Ct
9cWYbuGcWqHC7JgwHwYDVR0jBBgwFoAUrVc19l1Id4Ct9cWYbuGcWqHC7JgwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgffEuwcRkMocR4gxOhjm0Ylk6t6fnCJHPPGeI9olkaH0CIQCG
zGSf6dw3DvTpn9iciFR8C9QmCyi7jZqbVYq6uta8zg==
-----END CERTIFICATE-----
`;

export const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyTCpbNsnkp0R8twM
3rh0h6fTKZeWRglSqVXAEZfiMzqhRANCAATqysLEoR1HQ1zpm5HpfHeZBJUMY/P5
OZf3/yFfPvUcEmfxKV06loBvpN+2Rl+KoiCPXhcQxnKNdo2hfNpj5g+8
-----END PRIVATE KEY-----
`;
