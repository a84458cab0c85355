#pragma once
#include <napi.h>

#include <initializer_list>

namespace shardcast {

/// Calls JavaScript back from the event loop.
inline void CallBack(Napi::Env env, const Napi::AsyncContext& context, const Napi::FunctionReference& function,
                     std::initializer_list<napi_value> arguments = {}) {
  if (napi_make_callback(env, context, env.Global(), function.Value(), arguments.size(), arguments.begin(), nullptr) !=
      napi_pending_exception) {
    return;
  }
  // As anything else that a loop's callback throws: to `uncaughtException`. A thread that is being ended has nothing to say.
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

}  // namespace shardcast
