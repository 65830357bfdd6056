#include "policy/contract/contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/json/fields.h"

namespace phoenix::policy {
namespace {

using json::Value;
using Names = std::span<const std::string>;

bool holds(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The first of `wanted` that is not held.
const std::string* missing(Names wanted, Names held) {
  for (const std::string& name : wanted) {
    if (!holds(held, name)) return &name;
  }
  return nullptr;
}

Refusal refusal(Breach breach, std::string detail) { return {breach, std::move(detail)}; }

std::string score_text(uint32_t thousandths) {
  return fmt::format("{}", static_cast<double>(thousandths) / 1000);
}

}  // namespace

Result<Contract> Contract::compile(ContractSource source) {
  json::Faults faults;
  Contract made;
  if (!source.schema.empty()) {
    auto schema = Schema::compile(source.schema);
    if (schema) {
      made.schema_ = std::move(*schema);
    } else if (schema.error().fields.empty()) {
      faults.add("/validationSchema", schema.error().detail);
    } else {
      for (const FieldError& fault : schema.error().fields) {
        faults.add("/validationSchema" + fault.pointer, fault.detail);
      }
    }
  }
  for (const std::string& path : source.required) {
    if (holds(source.redacted, path)) {
      faults.add("/context/require", '"' + path + "\" must travel and must not: redact it or not");
    }
  }
  if (!source.receiver.empty() && source.receiver == source.giver) {
    faults.add("/target", '"' + source.receiver + "\" is the giver too");
  }
  if (contract_json(source).size() > kMostContractBytes) {
    faults.add("", "a contract has at most 65536 bytes");
  }
  if (faults.any()) return tl::unexpected(faults.error());
  std::vector<std::string> paths = source.required;
  paths.insert(paths.end(), source.redacted.begin(), source.redacted.end());
  for (const Summary& summary : source.summarized) paths.push_back(summary.path);
  made.paths_ = PathSet(paths);
  made.source_ = std::move(source);
  return made;
}

bool Contract::covers(const HandoffFacts& facts) const {
  if (!source_.bound_capabilities.empty()) {
    return missing(source_.bound_capabilities, facts.requires_capabilities) == nullptr;
  }
  if (source_.giver.empty() && source_.receiver.empty()) return false;
  return (source_.giver.empty() || source_.giver == facts.giver) &&
         (source_.receiver.empty() || source_.receiver == facts.receiver);
}

bool Contract::asks_of_receiver() const {
  return !source_.receiver.empty() || !source_.capabilities.empty() ||
         !source_.compliance.empty() || source_.minimum_trust || source_.approval;
}

std::optional<Refusal> Contract::check(const HandoffFacts& facts) const {
  if (auto refused = check_parties(facts)) return refused;
  if (auto refused = check_context(facts)) return refused;
  if (auto refused = check_scopes(facts)) return refused;
  if (facts.approved || !needs_approval(facts)) return std::nullopt;
  return refusal(
      Breach::kApprovalRequired,
      source_.approval->above
          ? fmt::format("{} is above {}, or not told: somebody of the role {} has to approve",
                        source_.approval->field, *source_.approval->above, source_.approval->role)
          : fmt::format("somebody of the role {} has to approve", source_.approval->role));
}

std::optional<Refusal> Contract::check_parties(const HandoffFacts& facts) const {
  if (!source_.giver.empty() && source_.giver != facts.giver) {
    return refusal(Breach::kGiverNotAllowed,
                   fmt::format("{} gives, and only {} may", facts.giver, source_.giver));
  }
  if (source_.max_chain && facts.chain > *source_.max_chain) {
    return refusal(Breach::kChainTooLong, fmt::format("it would be handoff {}, and at most {} are "
                                                      "allowed",
                                                      facts.chain, *source_.max_chain));
  }
  const bool listed = source_.namespaces.empty() || holds(source_.namespaces, facts.ns);
  const std::string_view outside = !listed ? facts.ns
                                   : facts.receiver_ns.empty() || facts.receiver_ns == facts.ns
                                       ? std::string_view()
                                       : facts.receiver_ns;
  if (!outside.empty()) {
    return refusal(Breach::kCrossNamespace,
                   fmt::format("namespace {} is not among those allowed: {}", outside,
                               source_.namespaces.empty()
                                   ? facts.ns
                                   : fmt::format("{}", fmt::join(source_.namespaces, ", "))));
  }
  if (!asks_of_receiver()) return std::nullopt;
  if (facts.receiver.empty()) {
    return refusal(Breach::kNoReceiver, "nobody can take it now, and it may not wait for anybody");
  }
  if (!source_.receiver.empty() && source_.receiver != facts.receiver) {
    return refusal(Breach::kReceiverNotAllowed,
                   fmt::format("{} takes, and only {} may", facts.receiver, source_.receiver));
  }
  const std::string* lacking = missing(source_.capabilities, facts.capabilities);
  const bool one_is_enough =
      source_.any_capability &&
      std::any_of(source_.capabilities.begin(), source_.capabilities.end(),
                  [&](const auto& name) { return holds(facts.capabilities, name); });
  if (lacking != nullptr && !one_is_enough) {
    return refusal(Breach::kMissingCapability,
                   fmt::format("{} lacks {}", facts.receiver,
                               source_.any_capability
                                   ? fmt::format("all of {}", fmt::join(source_.capabilities, ", "))
                                   : *lacking));
  }
  if (const std::string* lacks = missing(source_.compliance, facts.compliance)) {
    return refusal(Breach::kMissingCompliance,
                   fmt::format("{} does not comply with {}", facts.receiver, *lacks));
  }
  if (source_.minimum_trust && facts.trust < *source_.minimum_trust) {
    return refusal(Breach::kBelowTrustFloor,
                   fmt::format("{} has trust score {}, below {}", facts.receiver,
                               score_text(facts.trust), score_text(*source_.minimum_trust)));
  }
  return std::nullopt;
}

std::optional<Refusal> Contract::check_context(const HandoffFacts& facts) const {
  if (source_.max_bytes && facts.context_bytes > *source_.max_bytes) {
    return refusal(Breach::kContextTooLarge, fmt::format("the context has {} bytes, above {}",
                                                         facts.context_bytes, *source_.max_bytes));
  }
  const bool speaks_of_keys = !source_.required.empty() || !source_.redacted.empty() ||
                              !source_.summarized.empty() || schema_;
  if (speaks_of_keys && facts.context == nullptr && facts.context_bytes > 0) {
    return refusal(Breach::kContextNotJson, "the context is no JSON, so its keys cannot be seen");
  }
  std::vector<std::optional<Value>> found(source_.required.size() + source_.redacted.size() +
                                          source_.summarized.size());
  if (facts.context != nullptr) found = paths_.find(facts.context->root());
  auto next = found.begin();
  for (const std::string& path : source_.required) {
    const auto& value = *next++;
    if (!value || value->is_null()) {
      return refusal(Breach::kMissingContextKey, path + " has to travel in the context");
    }
  }
  for (const std::string& path : source_.redacted) {
    const auto& value = *next++;
    const bool gone = !value || value->is_null() ||
                      (value->kind() == json::Kind::kString && value->string() == kRedacted);
    if (!gone) {
      return refusal(
          Breach::kUnredactedKey,
          fmt::format("{} must not travel: leave it out, or say \"{}\"", path, kRedacted));
    }
  }
  for (const Summary& summary : source_.summarized) {
    const auto& value = *next++;
    if (value && value->raw().size() > summary.max_bytes) {
      return refusal(Breach::kNotSummarized,
                     fmt::format("{} has {} bytes, and {} is all that may travel of it",
                                 summary.path, value->raw().size(), summary.max_bytes));
    }
  }
  if (!schema_) return std::nullopt;
  if (facts.context == nullptr) {
    return refusal(Breach::kSchemaViolated, "the whole: there is no context");
  }
  if (auto fault = schema_->fault(facts.context->root())) {
    return refusal(Breach::kSchemaViolated, *std::move(fault));
  }
  return std::nullopt;
}

std::optional<Refusal> Contract::check_scopes(const HandoffFacts& facts) const {
  if (auto wider = check_narrower(facts.held, facts.given)) return wider;
  if (!source_.scopes) return std::nullopt;
  if (!facts.given) {
    return refusal(Breach::kUnlistedScope,
                   fmt::format("scopes without bounds are passed on; at most {} may be",
                               fmt::join(*source_.scopes, ", ")));
  }
  if (const std::string* other = missing(*facts.given, *source_.scopes)) {
    return refusal(Breach::kUnlistedScope, fmt::format("scope {} is passed on; at most {} may be",
                                                       *other, fmt::join(*source_.scopes, ", ")));
  }
  return std::nullopt;
}

// Whoever leaves the number out does not get around the question.
bool Contract::needs_approval(const HandoffFacts& facts) const {
  if (!source_.approval) return false;
  if (!source_.approval->above) return true;
  if (facts.context == nullptr) return true;
  const auto value = at_path(facts.context->root(), source_.approval->field);
  if (!value || value->kind() != json::Kind::kNumber) return true;
  double number = 0;
  const std::string_view raw = value->raw();
  const auto read = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  return read.ec != std::errc() || number > *source_.approval->above;
}

std::optional<Refusal> check_narrower(Scopes held, Scopes given) {
  if (!held) return std::nullopt;
  if (!given) return refusal(Breach::kWidenedScope, "scopes without bounds are passed on");
  if (const std::string* more = missing(*given, *held)) {
    return refusal(Breach::kWidenedScope,
                   fmt::format("scope {} is passed on, and the giver has only {}", *more,
                               fmt::join(*held, ", ")));
  }
  return std::nullopt;
}

}  // namespace phoenix::policy
