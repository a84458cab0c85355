#pragma once
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace shardcast {
/// Of the round that runs.
inline uint64_t current_seed = 0;
}  // namespace shardcast

/// Ends the program when a claim does not hold. Not `assert`: it must be there in every build.
#define CHECK(claim)                                                                     \
  do {                                                                                   \
    if (!(claim)) {                                                                      \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);           \
      std::fprintf(stderr, "seed %" PRIu64 "\n", shardcast::current_seed);               \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
