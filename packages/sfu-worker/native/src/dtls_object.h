#pragma once
#include <napi.h>

#include <memory>

#include "dtls_handshake.h"

namespace shardcast {

/// `DtlsContext`: our certificate, for all handshakes of a thread.
class DtlsContextObject : public Napi::ObjectWrap<DtlsContextObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  /// What is behind a value; null when it is something else.
  static std::shared_ptr<DtlsContext> From(Napi::Env env, Napi::Value value);

  explicit DtlsContextObject(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<DtlsContext> context_;
};

/// `DtlsHandshake`: one peer's. States are numbers: those of `DtlsHandshake::State`.
class DtlsHandshakeObject : public Napi::ObjectWrap<DtlsHandshakeObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  explicit DtlsHandshakeObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value Start(const Napi::CallbackInfo& info);
  Napi::Value Feed(const Napi::CallbackInfo& info);
  Napi::Value Tick(const Napi::CallbackInfo& info);
  Napi::Value Take(const Napi::CallbackInfo& info);
  Napi::Value Keys(const Napi::CallbackInfo& info);
  Napi::Value Free(const Napi::CallbackInfo& info);
  Napi::Value Reason(const Napi::CallbackInfo& info);
  Napi::Value State(Napi::Env env) const;

  std::unique_ptr<DtlsHandshake> handshake_;
};

/// Puts both, and the OpenSSL that they were built for, into the addon's exports.
void DefineDtls(Napi::Env env, Napi::Object exports);

}  // namespace shardcast
