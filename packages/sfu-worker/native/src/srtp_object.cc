#include "srtp_object.h"

#include "arguments.h"

namespace shardcast {

std::unique_ptr<SrtpCipher> CipherFrom(Napi::Env env, const Napi::CallbackInfo& info, bool encrypts) {
  if (info.Length() < 4) return nullptr;
  const auto profile = Whole(env, info[0], 255);
  if (profile != 1u && profile != 7u) return nullptr;
  return SrtpCipher::Create(static_cast<SrtpProfile>(*profile), encrypts, Bytes(env, info[1]), Bytes(env, info[2]),
                            Bytes(env, info[3]));
}

void SrtpObject::Define(Napi::Env env, Napi::Object exports) {
  exports.Set("SrtpOpener", DefineClass(env, "SrtpOpener", {InstanceMethod<&SrtpObject::Unprotect>("unprotect")}));
}

SrtpObject::SrtpObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SrtpObject>(info), cipher_(CipherFrom(info.Env(), info, false)) {
  if (!cipher_) Napi::TypeError::New(info.Env(), "not a profile with its session keys").ThrowAsJavaScriptException();
}

/// (bytes, start, end, headerBytes, ssrc, index): whether bytes[start, end) is genuine; it is plain then, else spoilt.
Napi::Value SrtpObject::Unprotect(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 6 || !cipher_) return Napi::Boolean::New(env, false);
  const std::span<uint8_t> bytes = Bytes(env, info[0]);
  const auto end = Whole(env, info[2], static_cast<double>(bytes.size()));
  const auto start = end ? Whole(env, info[1], static_cast<double>(*end)) : std::nullopt;
  const auto header_bytes = start ? Whole(env, info[3], static_cast<double>(*end - *start)) : std::nullopt;
  const auto ssrc = Whole(env, info[4], 0xffffffff);
  const auto index = Whole(env, info[5], static_cast<double>(SrtpCipher::kIndexes - 1));
  if (!header_bytes || !ssrc || !index || *end - *start > 0x7fffffff) return Napi::Boolean::New(env, false);
  const bool is_genuine = cipher_->Unprotect(bytes.subspan(*start, *end - *start), *header_bytes,
                                             static_cast<uint32_t>(*ssrc), *index);
  return Napi::Boolean::New(env, is_genuine);
}

}  // namespace shardcast
