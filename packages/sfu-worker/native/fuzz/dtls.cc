#include "dtls.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "../src/dtls_handshake.h"
#include "check.h"

namespace shardcast {
namespace {

struct Identity {
  std::shared_ptr<DtlsContext> context;
  DtlsFingerprint fingerprint;
};

std::string Drained(BIO* bio) {
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio, &text);
  return {text, static_cast<size_t>(bytes)};
}

Identity MakeIdentity() {
  Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  Owned<X509, X509_free> certificate(X509_new());
  CHECK(key && certificate && ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1) == 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  CHECK(X509_set_pubkey(certificate.get(), key.get()) == 1 && X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  Owned<BIO, BIO_free> certificate_pem(BIO_new(BIO_s_mem()));
  Owned<BIO, BIO_free> key_pem(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_X509(certificate_pem.get(), certificate.get()) == 1);
  CHECK(PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::string reason;
  Identity made{DtlsContext::Create(Drained(certificate_pem.get()), Drained(key_pem.get()), reason), {EVP_sha256(), {}}};
  CHECK(made.context);
  made.fingerprint.digest.resize(32);
  unsigned bytes = 0;
  CHECK(X509_digest(certificate.get(), EVP_sha256(), made.fingerprint.digest.data(), &bytes) == 1 && bytes == 32);
  return made;
}

class Pair {
 public:
  Pair(Random& random, bool is_damaging) : random_(random), is_damaging_(is_damaging) {
    static const Identity ours = MakeIdentity();
    static const Identity theirs = MakeIdentity();
    const char* profiles = random.OneIn(2) ? "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80" : "SRTP_AES128_CM_SHA1_80";
    server_ = DtlsHandshake::Create(ours.context, {true, theirs.fingerprint, profiles});
    client_ = DtlsHandshake::Create(theirs.context, {false, ours.fingerprint, profiles});
    CHECK(server_ && client_);
  }

  void Run() {
    client_->Start();
    for (int turn = 0; turn < 6; turn++) {
      Carry(*client_, *server_);
      Carry(*server_, *client_);
      if (is_damaging_ && random_.OneIn(40)) (random_.OneIn(2) ? server_ : client_)->Free();
      server_->Tick();
      client_->Tick();
    }
    DtlsKeys of_server, of_client;
    const bool server_has = server_->ExportKeys(of_server);
    const bool client_has = client_->ExportKeys(of_client);
    if (!is_damaging_) CHECK(server_has && client_has);
    if (server_has && client_has) {
      CHECK(of_server.profile == of_client.profile && of_server.local_key == of_client.remote_key);
      CHECK(of_server.remote_key == of_client.local_key && of_server.local_salt == of_client.remote_salt);
      CHECK(of_server.goodbye.size() == 39 && of_server.peer_key.size() == 16 && of_server.peer_iv.size() == 4);
      // The whole datagram has come: a close_notify is data's end for OpenSSL, and nothing more.
      client_->Feed(of_server.goodbye);
      server_->Feed(random_.Bytes(random_.Below(100)));
      CHECK(server_->state() == DtlsHandshake::State::kConnected);
    }
    server_->Free();
    server_->Feed(of_client.goodbye);
    server_->Start();
    CHECK(server_->state() == DtlsHandshake::State::kFreed && !server_->ExportKeys(of_server));
  }

 private:
  void Carry(DtlsHandshake& from, DtlsHandshake& to) {
    std::vector<uint8_t> datagram;
    while (from.Take(datagram)) {
      CHECK(!datagram.empty() && datagram.size() <= static_cast<size_t>(DtlsContext::kMtu));
      if (!is_damaging_) {
        to.Feed(datagram);
        continue;
      }
      if (random_.OneIn(10)) to.Feed(random_.Bytes(random_.Below(2000)));
      if (random_.OneIn(8)) seen_.push_back(datagram);
      if (!seen_.empty() && random_.OneIn(8)) to.Feed(random_.Of(seen_));
      if (random_.OneIn(12)) continue;
      for (uint64_t edits = random_.OneIn(3) ? 1 + random_.Below(3) : 0; edits > 0; edits--) {
        datagram[random_.Below(datagram.size())] ^= static_cast<uint8_t>(1u << random_.Below(8));
      }
      if (random_.OneIn(10)) datagram.resize(random_.Below(datagram.size()));
      // In memory of exactly its size, so that a byte behind it is somebody else's.
      const std::vector<uint8_t> exact(datagram);
      to.Feed(exact);
    }
  }

  Random& random_;
  bool is_damaging_;
  std::unique_ptr<DtlsHandshake> server_;
  std::unique_ptr<DtlsHandshake> client_;
  std::vector<std::vector<uint8_t>> seen_;
};

}  // namespace

void FuzzDtls(Random& random) { Pair(random, !random.OneIn(4)).Run(); }

}  // namespace shardcast
