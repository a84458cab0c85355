// One DTLS 1.2 handshake for SRTP (RFC 5764) over datagrams that its owner carries. No socket, no timer of its own.
#pragma once
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dtls_context.h"

namespace shardcast {

/// What outlives the handshake.
struct DtlsKeys {
  uint8_t profile;
  // Of SRTP, by RFC 5764 §4.2: 16 bytes, and 12 of salt for GCM, else 14.
  std::vector<uint8_t> local_key, local_salt, remote_key, remote_salt;
  /// The peer's record key and the fixed part of its nonce (RFC 5288 §3), to read its close_notify with.
  std::vector<uint8_t> peer_key, peer_iv;
  /// Our close_notify as a datagram. No writing key leaves OpenSSL, so no nonce can ever be used twice.
  std::vector<uint8_t> goodbye;

  ~DtlsKeys();
};

/// The certificate that the peer must show.
struct DtlsFingerprint {
  const EVP_MD* algorithm = nullptr;
  std::vector<uint8_t> digest;
};

class DtlsHandshake {
 public:
  enum class State : uint8_t { kHandshaking, kConnected, kFailed, kFreed };

  struct Options {
    bool is_server;
    DtlsFingerprint fingerprint;
    /// As OpenSSL names them, best first, with colons between.
    std::string profiles;
  };

  /// Null when OpenSSL refuses.
  static std::unique_ptr<DtlsHandshake> Create(std::shared_ptr<DtlsContext> context, Options options);
  DtlsHandshake(const DtlsHandshake&) = delete;
  DtlsHandshake& operator=(const DtlsHandshake&) = delete;
  ~DtlsHandshake() { Free(); }

  /// As client, says hello.
  void Start() { Run(); }
  /// Takes records of the peer; borrowed for the call. Once connected, what comes is answered or dropped.
  void Feed(std::span<const uint8_t> records);
  /// Repeats the last flight when its time has come: 250 ms, doubling to 2 s.
  void Tick();
  /// The next datagram to send; false when there is none.
  bool Take(std::vector<uint8_t>& datagram);
  /// Once, when connected; false when there are none, which is a failure then.
  bool ExportKeys(DtlsKeys& keys);
  /// Lets 70 kB go: the garbage collector knows nothing of them. Idempotent.
  void Free();

  State state() const { return state_; }
  /// Why it failed.
  const std::string& reason() const { return reason_; }

  static void DescribeBio(BIO_METHOD* method);
  static int OnCertificate(X509_STORE_CTX* store, void*);

 private:
  explicit DtlsHandshake(std::shared_ptr<DtlsContext> context) : context_(std::move(context)) {}
  static int Write(BIO* bio, const char* data, int bytes);
  static int Read(BIO* bio, char* data, int bytes);
  static long Control(BIO* bio, int command, long, void*);

  void Run();
  void Fail(std::string reason);
  bool ExportSrtpKeys(DtlsKeys& keys);
  bool ExportRecordKey(DtlsKeys& keys);
  bool MakeGoodbye(DtlsKeys& keys);

  /// Declared first, so that it goes last.
  std::shared_ptr<DtlsContext> context_;
  Owned<SSL, SSL_free> ssl_;
  State state_ = State::kHandshaking;
  DtlsFingerprint fingerprint_;
  bool is_peer_known_ = false;
  std::string reason_;
  std::span<const uint8_t> incoming_;
  std::deque<std::vector<uint8_t>> outgoing_;
};

}  // namespace shardcast
