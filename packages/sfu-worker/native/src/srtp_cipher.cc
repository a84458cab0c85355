#include "srtp_cipher.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <cstring>

namespace shardcast {
namespace {

constexpr size_t kKeyBytes = 16;
constexpr size_t kAuthenticationBytes = 20;
constexpr size_t kSha1TagBytes = 10;
constexpr size_t kGcmTagBytes = 16;

void StoreBe32(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 24);
  at[1] = static_cast<uint8_t>(value >> 16);
  at[2] = static_cast<uint8_t>(value >> 8);
  at[3] = static_cast<uint8_t>(value);
}

void StartHmac(SHA_CTX& context, std::span<const uint8_t> key, uint8_t pad) {
  std::array<uint8_t, SHA_CBLOCK> block;
  block.fill(pad);
  for (size_t i = 0; i < key.size(); i++) block[i] ^= key[i];
  SHA1_Init(&context);
  SHA1_Update(&context, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

std::unique_ptr<SrtpCipher> SrtpCipher::Create(SrtpProfile profile, bool encrypts, std::span<const uint8_t> key,
                                               std::span<const uint8_t> authentication,
                                               std::span<const uint8_t> salt, GcmBy gcm_by) {
  const bool is_gcm = profile == SrtpProfile::kAeadAes128Gcm;
  if (key.size() != kKeyBytes || salt.size() != (is_gcm ? 12u : 14u)) return nullptr;
  if (!is_gcm && authentication.size() != kAuthenticationBytes) return nullptr;
  std::unique_ptr<SrtpCipher> cipher(new SrtpCipher(profile));
  if (is_gcm && encrypts && gcm_by == GcmBy::kFastest && VaesGcm::IsSupported()) {
    cipher->wide_.emplace(key.first<kKeyBytes>());
  } else {
    cipher->context_.reset(EVP_CIPHER_CTX_new());
    if (!cipher->context_) return nullptr;
    // Counter mode is its own inverse.
    const EVP_CIPHER* algorithm = is_gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
    if (EVP_CipherInit_ex(cipher->context_.get(), algorithm, nullptr, key.data(), nullptr, encrypts || !is_gcm) != 1) {
      ERR_clear_error();
      return nullptr;
    }
  }
  std::memcpy(cipher->salt_.data(), salt.data(), salt.size());
  if (!is_gcm) {
    StartHmac(cipher->inner_, authentication, 0x36);
    StartHmac(cipher->outer_, authentication, 0x5c);
  }
  return cipher;
}

// RFC 7714 §8.1: 12 bytes; RFC 3711 §4.1.1: 16. Both are the salt over zeros, SSRC, rollover counter, sequence number.
void SrtpCipher::WriteIv(std::array<uint8_t, 16>& iv, uint32_t ssrc, uint64_t index) const {
  const size_t at = profile_ == SrtpProfile::kAeadAes128Gcm ? 2 : 4;
  std::memcpy(iv.data(), salt_.data(), salt_.size());
  iv[14] = iv[15] = 0;
  std::array<uint8_t, 10> fields;
  StoreBe32(fields.data(), ssrc);
  StoreBe32(fields.data() + 4, static_cast<uint32_t>(index >> 16));
  fields[8] = static_cast<uint8_t>(index >> 8);
  fields[9] = static_cast<uint8_t>(index);
  for (size_t i = 0; i < fields.size(); i++) iv[at + i] ^= fields[i];
}

void SrtpCipher::Sign(const uint8_t* packet, size_t bytes, uint64_t index, uint8_t digest[SHA_DIGEST_LENGTH]) const {
  uint8_t rollover[4];
  StoreBe32(rollover, static_cast<uint32_t>(index >> 16));
  SHA_CTX context = inner_;
  SHA1_Update(&context, packet, bytes);
  SHA1_Update(&context, rollover, sizeof rollover);
  SHA1_Final(digest, &context);
  context = outer_;
  SHA1_Update(&context, digest, SHA_DIGEST_LENGTH);
  SHA1_Final(digest, &context);
}

bool SrtpCipher::Protect(uint8_t* packet, size_t header_bytes, std::span<const uint8_t> payload, uint32_t ssrc,
                         uint64_t index) {
  if (header_bytes > kMaxHeaderBytes) return false;
  EVP_CIPHER_CTX* context = context_.get();
  std::array<uint8_t, 16> iv;
  WriteIv(iv, ssrc, index);
  uint8_t* body = packet + header_bytes;
  if (wide_) {
    wide_->Seal(iv.data(), {packet, header_bytes}, payload, body);
    return true;
  }
  const int payload_bytes = static_cast<int>(payload.size());
  int done = 0;
  bool ok = EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, iv.data()) == 1;
  if (profile_ == SrtpProfile::kAeadAes128Gcm) {
    ok = ok && EVP_EncryptUpdate(context, nullptr, &done, packet, static_cast<int>(header_bytes)) == 1 &&
         EVP_EncryptUpdate(context, body, &done, payload.data(), payload_bytes) == 1 &&
         EVP_EncryptFinal_ex(context, body + done, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes, body + payload.size()) == 1;
  } else {
    ok = ok && EVP_EncryptUpdate(context, body, &done, payload.data(), payload_bytes) == 1;
    uint8_t digest[SHA_DIGEST_LENGTH];
    Sign(packet, header_bytes + payload.size(), index, digest);
    std::memcpy(body + payload.size(), digest, kSha1TagBytes);
  }
  if (!ok) ERR_clear_error();
  return ok;
}

bool SrtpCipher::Unprotect(std::span<uint8_t> packet, size_t header_bytes, uint32_t ssrc, uint64_t index) {
  if (wide_ || packet.size() < header_bytes + tag_bytes()) return false;
  EVP_CIPHER_CTX* context = context_.get();
  std::array<uint8_t, 16> iv;
  WriteIv(iv, ssrc, index);
  uint8_t* body = packet.data() + header_bytes;
  const size_t plain_bytes = packet.size() - tag_bytes();
  const int body_bytes = static_cast<int>(plain_bytes - header_bytes);
  int done = 0;
  bool ok;
  if (profile_ == SrtpProfile::kAeadAes128Gcm) {
    ok = EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, iv.data()) == 1 &&
         EVP_DecryptUpdate(context, nullptr, &done, packet.data(), static_cast<int>(header_bytes)) == 1 &&
         EVP_DecryptUpdate(context, body, &done, body, body_bytes) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, body + body_bytes) == 1 &&
         EVP_DecryptFinal_ex(context, body + body_bytes, &done) == 1;
  } else {
    uint8_t digest[SHA_DIGEST_LENGTH];
    Sign(packet.data(), plain_bytes, index, digest);
    ok = CRYPTO_memcmp(digest, packet.data() + plain_bytes, kSha1TagBytes) == 0 &&
         EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, iv.data()) == 1 &&
         EVP_EncryptUpdate(context, body, &done, body, body_bytes) == 1;
  }
  if (!ok) ERR_clear_error();  // the queue is the thread's, and node:crypto reads it too
  return ok;
}

}  // namespace shardcast
