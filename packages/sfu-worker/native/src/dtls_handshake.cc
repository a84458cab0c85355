#include "dtls_handshake.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cstring>

namespace shardcast {
namespace {

constexpr unsigned kFirstTimeoutUs = 250'000;
constexpr unsigned kMaxTimeoutUs = 2'000'000;
/// Datagrams that wait for their owner; more is as if lost.
constexpr size_t kMaxOutgoing = 64;
/// Records that one call reads after the handshake: what is left of a datagram.
constexpr int kMaxReads = 128;
constexpr size_t kSrtpKeyBytes = 16;
constexpr size_t kRandomBytes = 32;
constexpr size_t kMasterSecretBytes = 48;
constexpr size_t kMaxRecordKeyBytes = 32;
constexpr size_t kFixedIvBytes = 4;

unsigned OnTimer(SSL*, unsigned us) { return us == 0 ? kFirstTimeoutUs : std::min(us * 2, kMaxTimeoutUs); }

std::vector<uint8_t> Copied(const uint8_t* from, size_t bytes) { return {from, from + bytes}; }

}  // namespace

DtlsKeys::~DtlsKeys() {
  for (std::vector<uint8_t>* secret : {&local_key, &remote_key, &peer_key}) OPENSSL_cleanse(secret->data(), secret->size());
}

std::unique_ptr<DtlsHandshake> DtlsHandshake::Create(std::shared_ptr<DtlsContext> context, Options options) {
  ERR_clear_error();
  std::unique_ptr<DtlsHandshake> handshake(new DtlsHandshake(std::move(context)));
  handshake->fingerprint_ = std::move(options.fingerprint);
  handshake->ssl_.reset(SSL_new(handshake->context_->ssl_context()));
  BIO* bio = BIO_new(handshake->context_->bio_method());
  SSL* ssl = handshake->ssl_.get();
  // It is 0 when all went well, other than the rest of OpenSSL.
  if (ssl == nullptr || bio == nullptr || SSL_set_tlsext_use_srtp(ssl, options.profiles.c_str()) != 0) {
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, handshake.get());
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, handshake.get());
  SSL_set_mtu(ssl, DtlsContext::kMtu);
  DTLS_set_timer_cb(ssl, OnTimer);
  if (options.is_server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
  return handshake;
}

// --- the datagram BIO: one read takes the one datagram that was fed, one write is one datagram

void DtlsHandshake::DescribeBio(BIO_METHOD* method) {
  BIO_meth_set_write(method, Write);
  BIO_meth_set_read(method, Read);
  BIO_meth_set_ctrl(method, Control);
  BIO_meth_set_create(method, [](BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  });
}

int DtlsHandshake::Write(BIO* bio, const char* data, int bytes) {
  auto* self = static_cast<DtlsHandshake*>(BIO_get_data(bio));
  if (bytes <= 0) return 0;
  const auto* from = reinterpret_cast<const uint8_t*>(data);
  if (self->outgoing_.size() < kMaxOutgoing) self->outgoing_.emplace_back(from, from + bytes);
  return bytes;
}

int DtlsHandshake::Read(BIO* bio, char* data, int bytes) {
  auto* self = static_cast<DtlsHandshake*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->incoming_.empty() || bytes <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = std::min(self->incoming_.size(), static_cast<size_t>(bytes));
  std::memcpy(data, self->incoming_.data(), taken);
  self->incoming_ = {};
  return static_cast<int>(taken);
}

long DtlsHandshake::Control(BIO*, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return DtlsContext::kMtu;
    default:
      return 0;
  }
}

// --- the handshake

/// In place of a chain's verification, and before our Finished goes out; OpenSSL sends the alert.
int DtlsHandshake::OnCertificate(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = ssl == nullptr ? nullptr : static_cast<DtlsHandshake*>(SSL_get_app_data(ssl));
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (self == nullptr || certificate == nullptr) return 0;
  const DtlsFingerprint& wanted = self->fingerprint_;
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned bytes = 0;
  if (X509_digest(certificate, wanted.algorithm, digest.data(), &bytes) != 1 || bytes != wanted.digest.size() ||
      CRYPTO_memcmp(digest.data(), wanted.digest.data(), bytes) != 0) {
    self->reason_ = "the certificate has another fingerprint than the SDP";
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
  }
  self->is_peer_known_ = true;
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

void DtlsHandshake::Feed(std::span<const uint8_t> records) {
  incoming_ = records;
  Run();
  incoming_ = {};
}

void DtlsHandshake::Run() {
  if (!ssl_ || state_ > State::kConnected) return;
  ERR_clear_error();  // else SSL_get_error takes somebody else's error for ours
  if (state_ == State::kHandshaking) {
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
      state_ = State::kConnected;
      if (!is_peer_known_) Fail("the peer showed no certificate");
    } else {
      const int error = SSL_get_error(ssl_.get(), done);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) Fail(TakeOpenSslError());
    }
  }
  if (state_ == State::kConnected) {
    // A repeated Finished is answered with ours. Nothing else has a meaning here.
    std::array<uint8_t, 2048> sink;
    for (int i = 0; i < kMaxReads && SSL_read(ssl_.get(), sink.data(), static_cast<int>(sink.size())) > 0; i++) {
    }
  }
  ERR_clear_error();
}

void DtlsHandshake::Tick() {
  if (!ssl_ || state_ != State::kHandshaking) return;
  ERR_clear_error();
  if (DTLSv1_handle_timeout(ssl_.get()) < 0) Fail("the peer does not answer");
  ERR_clear_error();
}

bool DtlsHandshake::Take(std::vector<uint8_t>& datagram) {
  if (outgoing_.empty()) return false;
  datagram = std::move(outgoing_.front());
  outgoing_.pop_front();
  return true;
}

void DtlsHandshake::Fail(std::string reason) {
  state_ = State::kFailed;
  if (reason_.empty()) reason_ = std::move(reason);
}

void DtlsHandshake::Free() {
  ssl_.reset();
  outgoing_ = {};
  state_ = State::kFreed;
  ERR_clear_error();
}

// --- what stays

bool DtlsHandshake::ExportKeys(DtlsKeys& keys) {
  if (!ssl_ || state_ != State::kConnected) return false;
  ERR_clear_error();
  const bool is_whole = ExportSrtpKeys(keys) && ExportRecordKey(keys) && MakeGoodbye(keys);
  ERR_clear_error();
  return is_whole;
}

bool DtlsHandshake::ExportSrtpKeys(DtlsKeys& keys) {
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl_.get());
  if (profile == nullptr) return false;
  keys.profile = static_cast<uint8_t>(profile->id);
  const size_t salt_bytes = profile->id == SRTP_AEAD_AES_128_GCM ? 12 : 14;
  constexpr char kLabel[] = "EXTRACTOR-dtls_srtp";
  // RFC 5764 §4.2: the client's key, the server's, the client's salt, the server's.
  std::array<uint8_t, 2 * (kSrtpKeyBytes + 14)> material;
  if (SSL_export_keying_material(ssl_.get(), material.data(), 2 * (kSrtpKeyBytes + salt_bytes), kLabel,
                                 sizeof kLabel - 1, nullptr, 0, 0) != 1)
    return false;
  const bool is_server = SSL_is_server(ssl_.get()) == 1;
  const uint8_t* client_key = material.data();
  const uint8_t* server_key = client_key + kSrtpKeyBytes;
  const uint8_t* client_salt = server_key + kSrtpKeyBytes;
  const uint8_t* server_salt = client_salt + salt_bytes;
  keys.local_key = Copied(is_server ? server_key : client_key, kSrtpKeyBytes);
  keys.local_salt = Copied(is_server ? server_salt : client_salt, salt_bytes);
  keys.remote_key = Copied(is_server ? client_key : server_key, kSrtpKeyBytes);
  keys.remote_salt = Copied(is_server ? client_salt : server_salt, salt_bytes);
  OPENSSL_cleanse(material.data(), material.size());
  return true;
}

/// RFC 5246 §6.3: OpenSSL has no exporter for this, so the key block is derived once more.
bool DtlsHandshake::ExportRecordKey(DtlsKeys& keys) {
  SSL* ssl = ssl_.get();
  const SSL_CIPHER* suite = SSL_get_current_cipher(ssl);
  const EVP_CIPHER* cipher = suite == nullptr ? nullptr : EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(suite));
  const EVP_MD* hash = suite == nullptr ? nullptr : SSL_CIPHER_get_handshake_digest(suite);
  if (cipher == nullptr || hash == nullptr) return false;
  const size_t key_bytes = static_cast<size_t>(EVP_CIPHER_get_key_length(cipher));
  if (key_bytes > kMaxRecordKeyBytes) return false;

  std::array<uint8_t, kMasterSecretBytes> master;
  std::array<uint8_t, 2 * kRandomBytes> randoms;
  std::array<uint8_t, 2 * (kMaxRecordKeyBytes + kFixedIvBytes)> block;
  char label[] = "key expansion";
  if (SSL_SESSION_get_master_key(SSL_get0_session(ssl), master.data(), master.size()) != master.size()) return false;
  SSL_get_server_random(ssl, randoms.data(), kRandomBytes);
  SSL_get_client_random(ssl, randoms.data() + kRandomBytes, kRandomBytes);
  Owned<EVP_KDF, EVP_KDF_free> prf(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr));
  Owned<EVP_KDF_CTX, EVP_KDF_CTX_free> context(prf ? EVP_KDF_CTX_new(prf.get()) : nullptr);
  // OpenSSL's parameters are not const, though it only reads these.
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(EVP_MD_get0_name(hash)), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(), master.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof label - 1),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, randoms.data(), randoms.size()),
      OSSL_PARAM_construct_end()};
  const bool is_derived =
      context && EVP_KDF_derive(context.get(), block.data(), 2 * (key_bytes + kFixedIvBytes), parameters) == 1;
  if (is_derived) {
    // The client's key, the server's, the client's fixed part of the nonce, the server's.
    const bool is_server = SSL_is_server(ssl) == 1;
    keys.peer_key = Copied(block.data() + (is_server ? 0 : key_bytes), key_bytes);
    keys.peer_iv = Copied(block.data() + 2 * key_bytes + (is_server ? 0 : kFixedIvBytes), kFixedIvBytes);
  }
  OPENSSL_cleanse(master.data(), master.size());
  OPENSSL_cleanse(block.data(), block.size());
  return is_derived;
}

bool DtlsHandshake::MakeGoodbye(DtlsKeys& keys) {
  std::deque<std::vector<uint8_t>> waiting;
  waiting.swap(outgoing_);
  SSL_shutdown(ssl_.get());
  // It is not sent yet: a repeated Finished must still be answered.
  SSL_set_shutdown(ssl_.get(), 0);
  waiting.swap(outgoing_);
  if (waiting.size() != 1) return false;
  keys.goodbye = std::move(waiting.front());
  return true;
}

}  // namespace shardcast
