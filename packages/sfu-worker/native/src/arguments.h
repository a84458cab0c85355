// Checked access to what JavaScript passes: nothing here trusts a type, a length or a number.
#pragma once
#include <napi.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace shardcast {

/// The bytes of a Buffer or any other view; empty for anything else. Views over SharedArrayBuffers serve too.
inline std::span<uint8_t> Bytes(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  // It refuses what is no typed array.
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return {};
  if (data == nullptr || (type != napi_uint8_array && type != napi_int8_array && type != napi_uint8_clamped_array)) {
    return {};
  }
  return {static_cast<uint8_t*>(data), length};
}

template <typename T, napi_typedarray_type kType>
std::span<T> View(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return {};
  if (type != kType || data == nullptr) return {};
  return {static_cast<T*>(data), length};
}

inline std::span<double> Doubles(napi_env env, napi_value value) { return View<double, napi_float64_array>(env, value); }
inline std::span<int32_t> Ints(napi_env env, napi_value value) { return View<int32_t, napi_int32_array>(env, value); }

/// Doubles in shared memory, which nobody can take away while it is referred to: they may be kept. Empty for any others.
inline std::span<double> SharedDoubles(napi_env env, napi_value value) {
  const std::span<double> doubles = Doubles(env, value);
  napi_value memory = nullptr;
  bool is_detachable = true;
  if (doubles.empty() ||
      napi_get_typedarray_info(env, value, nullptr, nullptr, nullptr, &memory, nullptr) != napi_ok ||
      napi_is_arraybuffer(env, memory, &is_detachable) != napi_ok || is_detachable) {
    return {};
  }
  return doubles;
}

/// A whole number of [0, limit]; empty for anything else, NaN included.
inline std::optional<uint64_t> Whole(double number, double limit) {
  if (!(number >= 0 && number <= limit) || std::floor(number) != number) return std::nullopt;
  return static_cast<uint64_t>(number);
}
inline std::optional<uint64_t> Whole(napi_env env, napi_value value, double limit) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return std::nullopt;
  return Whole(number, limit);
}

inline std::optional<std::string> Text(const Napi::Value& value) {
  if (!value.IsString()) return std::nullopt;
  return value.As<Napi::String>().Utf8Value();
}

}  // namespace shardcast
