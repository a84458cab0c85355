#include "dtls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "dtls_handshake.h"

namespace shardcast {
namespace {

// ECDHE and AEAD alone (RFC 8827 §6.5 asks for the first); RSA is for servers whose certificate is so.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
// OpenSSL checks the curve of the peer's certificate against this list too: P-224, last, is for FFmpeg's.
constexpr char kGroups[] = "X25519:P-256:P-384:P-521:P-224";
/// A peer shows one self-signed certificate.
constexpr long kMaxCertificateBytes = 16 * 1024;

template <typename T>
T* ReadPem(const std::string& pem, T* (*read)(BIO*, T**, pem_password_cb*, void*)) {
  Owned<BIO, BIO_free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a callback OpenSSL would ask for a password on the terminal.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  return bio ? read(bio.get(), nullptr, no_password, nullptr) : nullptr;
}

}  // namespace

std::string TakeOpenSslError() {
  const unsigned long code = ERR_peek_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string reason = text == nullptr ? "the handshake failed" : text;
  ERR_clear_error();
  return reason;
}

std::shared_ptr<DtlsContext> DtlsContext::Create(const std::string& certificate_pem, const std::string& key_pem,
                                                 std::string& reason) {
  ERR_clear_error();
  const auto refuse = [&](const char* what) {
    reason = std::string(what) + ": " + TakeOpenSslError();
    return nullptr;
  };
  std::shared_ptr<DtlsContext> context(new DtlsContext);
  Owned<X509, X509_free> certificate(ReadPem<X509>(certificate_pem, PEM_read_bio_X509));
  if (!certificate) return refuse("the certificate cannot be read");
  Owned<EVP_PKEY, EVP_PKEY_free> key(ReadPem<EVP_PKEY>(key_pem, PEM_read_bio_PrivateKey));
  if (!key) return refuse("the key cannot be read");
  context->ssl_context_.reset(SSL_CTX_new(DTLS_method()));
  SSL_CTX* ssl = context->ssl_context_.get();
  if (ssl == nullptr) return refuse("no context");
  if (SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) != 1)
    return refuse("no DTLS 1.2");
  if (SSL_CTX_use_certificate(ssl, certificate.get()) != 1 || SSL_CTX_use_PrivateKey(ssl, key.get()) != 1)
    return refuse("certificate and key are no pair");
  if (SSL_CTX_set_cipher_list(ssl, kCiphers) != 1) return refuse("no such ciphers");
  if (SSL_CTX_set1_groups_list(ssl, kGroups) != 1) return refuse("no such groups");
  SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A resumed session would show no certificate, whose fingerprint is all that is known of the peer.
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(ssl, kMaxCertificateBytes);
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(ssl, DtlsHandshake::OnCertificate, nullptr);

  context->bio_method_.reset(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "shardcast datagrams"));
  if (!context->bio_method_) return refuse("no BIO");
  DtlsHandshake::DescribeBio(context->bio_method_.get());
  ERR_clear_error();
  return context;
}

}  // namespace shardcast
