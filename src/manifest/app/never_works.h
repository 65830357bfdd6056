// What an app declares and can never come to pass: a packet that none of its agents may take, a
// contract that nobody can meet, two things of one name, a policy that denies all.
#pragma once

#include "manifest/app/model.h"

namespace phoenix::manifest {

// Errors in v1, warnings in v1alpha1. An app without agents may have packets and contracts for
// others: its agents come from elsewhere. Nor is anything said of what agents cannot do where
// `agents_are_whole` is not: what they are is not known then. Answers whether a policy denies all.
bool find_what_never_works(const App& app, bool agents_are_whole, Findings* findings);

// Why that agent may not take that packet; empty: it may.
std::string why_not(const App& app, const Agent& agent, const Packet& packet);

}  // namespace phoenix::manifest
