// SRTP packets of one direction under one pair of session keys (RFC 3711, RFC 7714), by the OpenSSL inside
// Node, or by the processor's wide instructions where that is faster.
#pragma once
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "vaes_gcm.h"

namespace shardcast {

/// Who does AES-GCM when packets are protected.
enum class GcmBy : uint8_t { kFastest, kOpenSsl };

enum class SrtpProfile : uint8_t { kAes128CmHmacSha1_80 = 1, kAeadAes128Gcm = 7 };

class SrtpCipher {
 public:
  static constexpr size_t kMaxTagBytes = 16;
  static constexpr size_t kMaxHeaderBytes = VaesGcm::kMaxHeaderBytes;
  /// One more than the largest packet index: 32 bits of rollover counter, 16 of sequence number.
  static constexpr uint64_t kIndexes = uint64_t{1} << 48;

  /// Session keys as RFC 3711 §4.3 derives them: 16, 20 and 14 bytes (12 of salt for GCM, whose authentication key is
  /// not used). Null when a length is wrong or OpenSSL has no such cipher.
  static std::unique_ptr<SrtpCipher> Create(SrtpProfile profile, bool encrypts, std::span<const uint8_t> key,
                                            std::span<const uint8_t> authentication, std::span<const uint8_t> salt,
                                            GcmBy gcm_by = GcmBy::kFastest);

  size_t tag_bytes() const { return profile_ == SrtpProfile::kAeadAes128Gcm ? 16 : 10; }

  /// Encrypts `payload` to `packet` + header_bytes and puts the tag behind it. The header is in place already; `packet`
  /// has room for header, payload and tag. False when the header is longer than `kMaxHeaderBytes`, or OpenSSL fails.
  bool Protect(uint8_t* packet, size_t header_bytes, std::span<const uint8_t> payload, uint32_t ssrc, uint64_t index);

  /// Authenticates and decrypts `packet` in place. False when it is forged, damaged or too short, or the cipher was made
  /// to encrypt.
  bool Unprotect(std::span<uint8_t> packet, size_t header_bytes, uint32_t ssrc, uint64_t index);

 private:
  struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  explicit SrtpCipher(SrtpProfile profile) : profile_(profile) {}
  void WriteIv(std::array<uint8_t, 16>& iv, uint32_t ssrc, uint64_t index) const;
  void Sign(const uint8_t* packet, size_t bytes, uint64_t index, uint8_t digest[SHA_DIGEST_LENGTH]) const;

  SrtpProfile profile_;
  /// One of the two.
  std::optional<VaesGcm> wide_;
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context_;
  std::array<uint8_t, 14> salt_{};
  // HMAC (RFC 2104) with both key blocks hashed once.
  SHA_CTX inner_{};
  SHA_CTX outer_{};
};

}  // namespace shardcast
