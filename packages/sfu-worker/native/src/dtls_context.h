// What all DTLS handshakes of a worker share: one SSL_CTX with our certificate, by the OpenSSL inside Node.
#pragma once
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace shardcast {

/// Frees what OpenSSL made, by the function that it names.
template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <typename T, auto kFree>
using Owned = std::unique_ptr<T, Freed<kFree>>;

class DtlsContext {
 public:
  /// UDP payload bytes that a handshake datagram has at most.
  static constexpr long kMtu = 1200;

  /// Null when OpenSSL refuses; `reason` says why then.
  static std::shared_ptr<DtlsContext> Create(const std::string& certificate_pem, const std::string& key_pem,
                                             std::string& reason);

  SSL_CTX* ssl_context() const { return ssl_context_.get(); }
  /// A BIO whose datagrams are its `DtlsHandshake`'s.
  const BIO_METHOD* bio_method() const { return bio_method_.get(); }

 private:
  DtlsContext() = default;

  Owned<SSL_CTX, SSL_CTX_free> ssl_context_;
  Owned<BIO_METHOD, BIO_meth_free> bio_method_;
};

/// Takes the oldest error from the thread's queue and empties it: node:crypto and TLS read the same one.
std::string TakeOpenSslError();

}  // namespace shardcast
