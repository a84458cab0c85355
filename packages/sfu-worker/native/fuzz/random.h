// Random values for the fuzz program: the same for the same seed.
#pragma once
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace shardcast {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  /// Of [0, limit).
  uint64_t Below(uint64_t limit) { return engine_() % limit; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  const T& Of(const std::vector<T>& values) {
    return values[Below(values.size())];
  }
  void Fill(std::vector<uint8_t>& bytes) {
    for (uint8_t& each : bytes) each = static_cast<uint8_t>(engine_());
  }
  std::vector<uint8_t> Bytes(size_t count) {
    std::vector<uint8_t> bytes(count);
    Fill(bytes);
    return bytes;
  }
  /// A number that no check expects.
  double Odd() {
    static const std::vector<double> odd = {
        std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity(),
        -0.0, -1, 0.5, 127, 128, 65535, 65536, 2147483647, 2147483648.0, 4294967295.0, 4294967296.0,
        281474976710655.0, 281474976710656.0, 9007199254740993.0, 1e300, -1e300, 5e-324};
    return OneIn(4) ? static_cast<double>(static_cast<int64_t>(engine_())) : Of(odd);
  }
  int32_t OddInt() {
    static const std::vector<int32_t> odd = {std::numeric_limits<int32_t>::min(), -1, 0, 1, 12, 1500, 65536,
                                             std::numeric_limits<int32_t>::max()};
    return OneIn(4) ? static_cast<int32_t>(engine_()) : Of(odd);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace shardcast
