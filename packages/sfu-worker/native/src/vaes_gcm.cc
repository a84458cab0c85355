#include "vaes_gcm.h"

#include <openssl/crypto.h>

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined operand of its own intrinsics for a mistake of ours (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// Compiled for these whatever the build's target is; `IsSupported` decides whether they are run.
#define SHARDCAST_WIDE __attribute__((target("aes,pclmul,ssse3,sse4.1,avx2,avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq")))
#define SHARDCAST_WIDE_INLINE SHARDCAST_WIDE inline __attribute__((always_inline))

namespace shardcast {
namespace {

__m128i SHARDCAST_WIDE_INLINE Load(const uint8_t* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
void SHARDCAST_WIDE_INLINE Store(uint8_t* at, __m128i value) { _mm_storeu_si128(reinterpret_cast<__m128i*>(at), value); }

/// GCM numbers a block's bits the other way round.
__m128i SHARDCAST_WIDE_INLINE Reverse(__m128i block) {
  return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

template <int kConstant>
__m128i SHARDCAST_WIDE_INLINE NextRoundKey(__m128i key) {
  const __m128i assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, kConstant), 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, assist);
}

__m128i SHARDCAST_WIDE_INLINE EncryptBlock(const uint8_t keys[][16], __m128i block) {
  block = _mm_xor_si128(block, Load(keys[0]));
  for (size_t i = 1; i < VaesGcm::kRounds - 1; i++) block = _mm_aesenc_si128(block, Load(keys[i]));
  return _mm_aesenclast_si128(block, Load(keys[VaesGcm::kRounds - 1]));
}

/// A product before its reduction, as sums of the parts of products.
struct Product {
  __m128i low;
  __m128i middle;
  __m128i high;
};

void SHARDCAST_WIDE_INLINE Add(Product& sum, __m128i a, __m128i b) {
  sum.low = _mm_xor_si128(sum.low, _mm_clmulepi64_si128(a, b, 0x00));
  sum.middle = _mm_xor_si128(sum.middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10)));
  sum.high = _mm_xor_si128(sum.high, _mm_clmulepi64_si128(a, b, 0x11));
}

/// Modulo x^128 + x^127 + x^126 + x^121 + 1: the field's polynomial in reversed bits, powers of H being kept times x.
__m128i SHARDCAST_WIDE_INLINE Reduce(const Product& product) {
  const __m128i polynomial = _mm_set_epi64x(static_cast<int64_t>(0xc200000000000000), 1);
  __m128i folded = _mm_clmulepi64_si128(polynomial, product.low, 0x01);
  const __m128i middle = _mm_xor_si128(_mm_xor_si128(product.middle, folded), _mm_shuffle_epi32(product.low, 0x4e));
  folded = _mm_clmulepi64_si128(polynomial, middle, 0x01);
  return _mm_xor_si128(_mm_xor_si128(product.high, folded), _mm_shuffle_epi32(middle, 0x4e));
}

__m128i SHARDCAST_WIDE_INLINE Multiply(__m128i a, __m128i b) {
  Product product{_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
  Add(product, a, b);
  return Reduce(product);
}

__m128i SHARDCAST_WIDE_INLINE Fold(__m512i lanes) {
  const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
  return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

void SHARDCAST_WIDE ExpandKey(const uint8_t* key, uint8_t keys[][16]) {
  __m128i round = Load(key);
  Store(keys[0], round);
  Store(keys[1], round = NextRoundKey<0x01>(round));
  Store(keys[2], round = NextRoundKey<0x02>(round));
  Store(keys[3], round = NextRoundKey<0x04>(round));
  Store(keys[4], round = NextRoundKey<0x08>(round));
  Store(keys[5], round = NextRoundKey<0x10>(round));
  Store(keys[6], round = NextRoundKey<0x20>(round));
  Store(keys[7], round = NextRoundKey<0x40>(round));
  Store(keys[8], round = NextRoundKey<0x80>(round));
  Store(keys[9], round = NextRoundKey<0x1b>(round));
  Store(keys[10], round = NextRoundKey<0x36>(round));
}

void SHARDCAST_WIDE ExpandPowers(const uint8_t keys[][16], uint8_t powers[][16]) {
  const __m128i hash = Reverse(EncryptBlock(keys, _mm_setzero_si128()));
  // Times x once: what `Reduce` expects, so that its products need no shift.
  auto low = static_cast<uint64_t>(_mm_cvtsi128_si64(hash));
  auto high = static_cast<uint64_t>(_mm_extract_epi64(hash, 1));
  const uint64_t carry = 0 - (high >> 63);
  high = (high << 1 | low >> 63) ^ (carry & 0xc200000000000000);
  low = low << 1 ^ (carry & 1);
  const __m128i first = _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low));
  __m128i power = first;
  for (size_t i = VaesGcm::kPowers; i-- > 0; power = Multiply(power, first)) Store(powers[i], power);
}

/// Sets of four blocks in lanes: their encryption by `keys`, all rounds side by side.
template <size_t kSets>
void SHARDCAST_WIDE_INLINE EncryptSets(const __m512i keys[VaesGcm::kRounds], __m512i sets[kSets]) {
  for (size_t i = 0; i < kSets; i++) sets[i] = _mm512_xor_si512(sets[i], keys[0]);
  for (size_t round = 1; round < VaesGcm::kRounds - 1; round++) {
    for (size_t i = 0; i < kSets; i++) sets[i] = _mm512_aesenc_epi128(sets[i], keys[round]);
  }
  for (size_t i = 0; i < kSets; i++) sets[i] = _mm512_aesenclast_epi128(sets[i], keys[VaesGcm::kRounds - 1]);
}

void SHARDCAST_WIDE SealWide(const uint8_t round_keys[][16], const uint8_t powers[][16], const uint8_t* iv,
                             std::span<const uint8_t> header, std::span<const uint8_t> payload, uint8_t* out) {
  constexpr size_t kSets = VaesGcm::kChunkBlocks / 4;
  constexpr size_t kChunkBytes = VaesGcm::kChunkBlocks * 16;
  __m512i keys[VaesGcm::kRounds];
  for (size_t i = 0; i < VaesGcm::kRounds; i++) keys[i] = _mm512_broadcast_i32x4(Load(round_keys[i]));
  // SP 800-38D §7.1: the IV and a big-endian 1 seal the tag, the blocks after it the payload. In lanes the counter is
  // kept little-endian and turned for use.
  const __m128i turn = _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i turns = _mm512_broadcast_i32x4(turn);
  const __m512i reversal = _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m128i initial = _mm_insert_epi32(_mm_maskz_loadu_epi8(0x0fff, iv), 1, 3);
  __m512i counter = _mm512_add_epi32(_mm512_broadcast_i32x4(initial),
                                     _mm512_set_epi32(4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0));
  const __m512i four = _mm512_set_epi32(4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0);
  const __m128i seal = EncryptBlock(round_keys, _mm_shuffle_epi8(initial, turn));

  const auto header_mask = static_cast<__mmask16>((1u << header.size()) - 1);
  const __m128i additional = Reverse(_mm_maskz_loadu_epi8(header_mask, header.data()));
  __m128i hash = _mm_setzero_si128();
  size_t offset = 0;
  bool is_last = false;
  do {
    const size_t bytes = payload.size() - offset < kChunkBytes ? payload.size() - offset : kChunkBytes;
    const size_t blocks = (bytes + 15) / 16;
    is_last = offset + bytes == payload.size();
    // The first block's power: the lengths follow the last block.
    const uint8_t(*power)[16] = powers + VaesGcm::kPowers - blocks - (is_last ? 1 : 0);
    Product sum{_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    if (header.size() > 0 && offset == 0) Add(sum, additional, Load(power[-1]));

    __m512i sets[kSets];
    for (size_t i = 0; i < kSets; i++) {
      sets[i] = _mm512_shuffle_epi8(counter, turns);
      counter = _mm512_add_epi32(counter, four);
    }
    if (blocks > VaesGcm::kChunkBlocks / 2) {
      EncryptSets<kSets>(keys, sets);
    } else {
      EncryptSets<kSets / 2>(keys, sets);
    }
    __m512i low = _mm512_setzero_si512(), middle = low, high = low;
    __m512i before = _mm512_zextsi128_si512(hash);
    for (size_t i = 0; i * 64 < bytes; i++) {
      const size_t left = bytes - i * 64;
      const __mmask64 mask = left >= 64 ? ~0ull : (1ull << left) - 1;
      const uint8_t* from = payload.data() + offset + i * 64;
      const __m512i sealed = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(sets[i], _mm512_maskz_loadu_epi8(mask, from)));
      _mm512_mask_storeu_epi8(out + offset + i * 64, mask, sealed);
      const __m512i input = _mm512_xor_si512(_mm512_shuffle_epi8(sealed, reversal), before);
      before = _mm512_setzero_si512();
      const __m512i factor = _mm512_loadu_si512(power[4 * i]);
      low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(input, factor, 0x00));
      middle = _mm512_ternarylogic_epi64(middle, _mm512_clmulepi64_epi128(input, factor, 0x01),
                                         _mm512_clmulepi64_epi128(input, factor, 0x10), 0x96);
      high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(input, factor, 0x11));
    }
    if (is_last) {
      const __m128i lengths = _mm_set_epi64x(static_cast<int64_t>(header.size() * 8), static_cast<int64_t>(payload.size() * 8));
      Add(sum, lengths, Load(powers[VaesGcm::kPowers - 1]));
    }
    sum.low = _mm_xor_si128(sum.low, Fold(low));
    sum.middle = _mm_xor_si128(sum.middle, Fold(middle));
    sum.high = _mm_xor_si128(sum.high, Fold(high));
    hash = Reduce(sum);
    offset += bytes;
  } while (!is_last);
  Store(out + payload.size(), _mm_xor_si128(Reverse(hash), seal));
}

}  // namespace

bool VaesGcm::IsSupported() {
  // The system's support for the registers is part of gcc's and clang's answer.
  static const bool is_supported = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
                                   __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                                   __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq");
  return is_supported;
}

VaesGcm::VaesGcm(std::span<const uint8_t, kKeyBytes> key) {
  std::memset(powers_, 0, sizeof powers_);
  ExpandKey(key.data(), round_keys_);
  ExpandPowers(round_keys_, powers_);
}

void VaesGcm::Seal(const uint8_t iv[kIvBytes], std::span<const uint8_t> header, std::span<const uint8_t> payload,
                   uint8_t* out) const {
  SealWide(round_keys_, powers_, iv, header, payload, out);
}

VaesGcm::~VaesGcm() {
  OPENSSL_cleanse(round_keys_, sizeof round_keys_);
  OPENSSL_cleanse(powers_, sizeof powers_);
}

}  // namespace shardcast

#else

namespace shardcast {

bool VaesGcm::IsSupported() { return false; }
VaesGcm::VaesGcm(std::span<const uint8_t, kKeyBytes>) {}
void VaesGcm::Seal(const uint8_t[kIvBytes], std::span<const uint8_t>, std::span<const uint8_t>, uint8_t*) const {}
VaesGcm::~VaesGcm() = default;

}  // namespace shardcast
#endif
