#include "dtls_object.h"

#include <openssl/opensslv.h>

#include "arguments.h"

namespace shardcast {
namespace {

const napi_type_tag kTag = {0x6a41e2c95b0d4f37, 0x8c5e17d9b2a6f043};
constexpr uint32_t kMaxProfiles = 2;

/// The hash functions of RFC 8122 §5 that are not broken; null for any other.
const EVP_MD* HashNamed(const std::string& name) {
  if (name == "sha-256") return EVP_sha256();
  if (name == "sha-384") return EVP_sha384();
  if (name == "sha-512") return EVP_sha512();
  return nullptr;
}

/// RFC 5764 §4.1.2 and RFC 7714 §14.2; empty for anything else.
std::string ProfileNames(Napi::Env env, Napi::Value value) {
  if (!value.IsArray()) return {};
  const Napi::Array numbers = value.As<Napi::Array>();
  if (numbers.Length() > kMaxProfiles) return {};
  std::string names;
  for (uint32_t i = 0; i < numbers.Length(); i++) {
    const auto number = Whole(env, numbers.Get(i), 255);
    if (number != 1u && number != 7u) return {};
    if (!names.empty()) names += ':';
    names += number == 7u ? "SRTP_AEAD_AES_128_GCM" : "SRTP_AES128_CM_SHA1_80";
  }
  return names;
}

Napi::Value BytesOf(Napi::Env env, const std::vector<uint8_t>& bytes) {
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace

void DtlsContextObject::Define(Napi::Env env, Napi::Object exports) {
  exports.Set("DtlsContext", DefineClass(env, "DtlsContext", {}));
}

/// (certificatePem, keyPem)
DtlsContextObject::DtlsContextObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DtlsContextObject>(info) {
  Napi::Env env = info.Env();
  const auto certificate = info.Length() < 2 ? std::nullopt : Text(info[0]);
  auto key = info.Length() < 2 ? std::nullopt : Text(info[1]);
  std::string reason = "a certificate and its key are needed";
  if (certificate && key) context_ = DtlsContext::Create(*certificate, *key, reason);
  if (key) OPENSSL_cleanse(key->data(), key->size());
  if (!context_) {
    Napi::TypeError::New(env, reason).ThrowAsJavaScriptException();
    return;
  }
  napi_type_tag_object(env, info.This(), &kTag);
}

std::shared_ptr<DtlsContext> DtlsContextObject::From(Napi::Env env, Napi::Value value) {
  bool is_ours = false;
  if (!value.IsObject() || napi_check_object_type_tag(env, value, &kTag, &is_ours) != napi_ok || !is_ours) return nullptr;
  return Unwrap(value.As<Napi::Object>())->context_;
}

void DtlsHandshakeObject::Define(Napi::Env env, Napi::Object exports) {
  exports.Set("DtlsHandshake", DefineClass(env, "DtlsHandshake",
                                           {InstanceMethod<&DtlsHandshakeObject::Start>("start"),
                                            InstanceMethod<&DtlsHandshakeObject::Feed>("feed"),
                                            InstanceMethod<&DtlsHandshakeObject::Tick>("tick"),
                                            InstanceMethod<&DtlsHandshakeObject::Take>("take"),
                                            InstanceMethod<&DtlsHandshakeObject::Keys>("keys"),
                                            InstanceMethod<&DtlsHandshakeObject::Free>("free"),
                                            InstanceMethod<&DtlsHandshakeObject::Reason>("reason")}));
}

/// (context, isServer, profiles, hash, digest)
DtlsHandshakeObject::DtlsHandshakeObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DtlsHandshakeObject>(info) {
  Napi::Env env = info.Env();
  if (info.Length() >= 5 && info[1].IsBoolean()) {
    auto context = DtlsContextObject::From(env, info[0]);
    DtlsHandshake::Options options;
    options.is_server = info[1].As<Napi::Boolean>();
    // A getter in the array may take memory away: only then is the digest looked up.
    options.profiles = ProfileNames(env, info[2]);
    const auto hash = Text(info[3]);
    const std::span<uint8_t> digest = Bytes(env, info[4]);
    options.fingerprint.algorithm = hash ? HashNamed(*hash) : nullptr;
    options.fingerprint.digest.assign(digest.begin(), digest.end());
    if (context && !options.profiles.empty() && options.fingerprint.algorithm != nullptr) {
      handshake_ = DtlsHandshake::Create(std::move(context), std::move(options));
    }
  }
  if (!handshake_) {
    Napi::TypeError::New(env, "a context, profiles and a fingerprint are needed").ThrowAsJavaScriptException();
  }
}

Napi::Value DtlsHandshakeObject::State(Napi::Env env) const {
  const auto state = handshake_ ? handshake_->state() : DtlsHandshake::State::kFreed;
  return Napi::Number::New(env, static_cast<double>(state));
}

Napi::Value DtlsHandshakeObject::Start(const Napi::CallbackInfo& info) {
  if (handshake_) handshake_->Start();
  return State(info.Env());
}

/// (bytes, start, end): the peer's records; the state after them.
Napi::Value DtlsHandshakeObject::Feed(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!handshake_ || info.Length() < 3) return State(env);
  const std::span<uint8_t> bytes = Bytes(env, info[0]);
  const auto end = Whole(env, info[2], static_cast<double>(bytes.size()));
  const auto start = end ? Whole(env, info[1], static_cast<double>(*end)) : std::nullopt;
  if (start && *end - *start <= 0xffff) {
    handshake_->Feed(bytes.subspan(static_cast<size_t>(*start), static_cast<size_t>(*end - *start)));
  }
  return State(env);
}

Napi::Value DtlsHandshakeObject::Tick(const Napi::CallbackInfo& info) {
  if (handshake_) handshake_->Tick();
  return State(info.Env());
}

/// The next datagram to send; undefined when there is none.
Napi::Value DtlsHandshakeObject::Take(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::vector<uint8_t> datagram;
  if (!handshake_ || !handshake_->Take(datagram)) return env.Undefined();
  return BytesOf(env, datagram);
}

/// What stays of a connected one; undefined for any other.
Napi::Value DtlsHandshakeObject::Keys(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  DtlsKeys keys;
  if (!handshake_ || !handshake_->ExportKeys(keys)) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("profile", Napi::Number::New(env, keys.profile));
  result.Set("localKey", BytesOf(env, keys.local_key));
  result.Set("localSalt", BytesOf(env, keys.local_salt));
  result.Set("remoteKey", BytesOf(env, keys.remote_key));
  result.Set("remoteSalt", BytesOf(env, keys.remote_salt));
  result.Set("peerKey", BytesOf(env, keys.peer_key));
  result.Set("peerIv", BytesOf(env, keys.peer_iv));
  result.Set("goodbye", BytesOf(env, keys.goodbye));
  return result;
}

Napi::Value DtlsHandshakeObject::Free(const Napi::CallbackInfo& info) {
  if (handshake_) handshake_->Free();
  return info.Env().Undefined();
}

Napi::Value DtlsHandshakeObject::Reason(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), handshake_ ? handshake_->reason() : std::string());
}

void DefineDtls(Napi::Env env, Napi::Object exports) {
  DtlsContextObject::Define(env, exports);
  DtlsHandshakeObject::Define(env, exports);
  exports.Set("openSslMajor", Napi::Number::New(env, OPENSSL_VERSION_MAJOR));
}

}  // namespace shardcast
