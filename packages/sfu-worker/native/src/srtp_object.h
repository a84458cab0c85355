#pragma once
#include <napi.h>

#include <memory>

#include "srtp_cipher.h"

namespace shardcast {

/// From (profile, key, authentication, salt) as JavaScript passes them; null when they make no sense.
std::unique_ptr<SrtpCipher> CipherFrom(Napi::Env env, const Napi::CallbackInfo& info, bool encrypts);

/// `SrtpOpener`: the receiving side of a session's RTP.
class SrtpObject : public Napi::ObjectWrap<SrtpObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  explicit SrtpObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value Unprotect(const Napi::CallbackInfo& info);

  std::unique_ptr<SrtpCipher> cipher_;
};

}  // namespace shardcast
