#pragma once
#include "random.h"

namespace shardcast {

/// A client and a server whose datagrams are lost, repeated, damaged, cut and joined by rubbish. Nothing may be touched that is
/// not theirs; with nothing damaged they come up, with the same keys.
void FuzzDtls(Random& random);

}  // namespace shardcast
