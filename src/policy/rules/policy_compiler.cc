#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/msgpack.h"
#include "policy/contract/path.h"
#include "policy/rules/policy_set.h"

namespace phoenix::policy {

class PolicySetCompiler {
 public:
  tl::expected<PolicySet, std::vector<PolicyProblem>> run(std::span<const PolicySource> sources,
                                                          PolicySet::Hash hash) {
    for (const PolicySource& source : sources) add(source);
    for (size_t point = 0; point < kPoints; ++point) arrange(set_.points_[point]);
    for (const PolicySource& source : sources) bound(source);
    if (!problems_.empty()) return tl::unexpected(std::move(problems_));
    set_.digest_ = hash(canonical(sources));
    return std::move(set_);
  }

 private:
  PolicySet::AtPoint& at(Point point) { return set_.points_[static_cast<size_t>(point)]; }
  void complain(const Place& place, std::string what, std::string field = "") {
    problems_.push_back({place, std::move(what), std::move(field)});
  }

  void add(const PolicySource& source) {
    PolicySet::AtPoint& here = at(source.point);
    if (here.defaults.size() == kMostPolicies) {
      return complain(source.place, fmt::format("more than {} policies have the target {}",
                                                kMostPolicies, point_name(source.point)));
    }
    const auto index = static_cast<uint16_t>(here.defaults.size());
    here.defaults.push_back(
        source.otherwise.value_or(source.older ? Verdict::kAllow : Verdict::kDeny));
    for (const RuleSource& rule : rules_of(source.requirements, source.point)) {
      // Requirements are written in the words of today, whatever the file is.
      compile(source, rule, index, false, 0);
    }
    for (size_t at = 0; at < source.rules.size(); ++at) {
      compile(source, source.rules[at], index, source.older, at + 1);
    }
  }

  void compile(const PolicySource& source, const RuleSource& from, uint16_t index, bool older,
               size_t number) {
    Rule rule;
    rule.policy = source.name;
    rule.name = from.name.empty() ? fmt::format("rule {}", number) : from.name;
    rule.reason = from.reason;
    if (rule.reason.empty()) {
      rule.reason = fmt::format("{} of policy {} says {}", rule.name, source.name,
                                verdict_name(from.verdict));
    }
    rule.verdict = from.verdict;
    rule.otherwise = from.otherwise;
    rule.always = from.condition.empty();
    rule.policy_index = index;
    rule.obligations = from.obligations;
    check_obligations(source, from);
    rule.approval = from.approval;
    rule.place = from.place;
    if (!rule.always) {
      cel::CompileOptions options;
      options.result = cel::Kind::kBool;
      auto program = cel::compile(from.condition, input_schema(source.point, older), options);
      if (!program) {
        for (const cel::Problem& problem : program.error()) {
          complain(within(from, problem), problem.what, "condition");
        }
        return;
      }
      rule.condition = std::move(*program);
    }
    at(source.point).rules.push_back(std::move(rule));
  }

  // A place of an expression in the document that it stands in.
  static Place within(const RuleSource& from, const cel::Problem& problem) {
    Place place = from.condition_place;
    if (place.line == 0) return place;
    const auto& lines = from.condition_lines;
    const auto next = std::find_if(lines.begin(), lines.end(), [&problem](const LineStart& line) {
      return line.offset > problem.at;
    });
    if (next != lines.begin()) {
      const LineStart& line = *std::prev(next);
      const std::string_view before =
          std::string_view(from.condition).substr(line.offset, problem.at - line.offset);
      const auto letters =
          std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xC0) != 0x80; });
      return {place.file, line.line, line.column + static_cast<uint32_t>(letters)};
    }
    if (problem.line == 1) {
      place.column += problem.column - 1;
    } else {
      place.line += problem.line - 1;
      place.column = problem.column;
    }
    return place;
  }

  static bool stable(const Rule& rule) {
    return std::all_of(rule.condition.slots.begin(), rule.condition.slots.end(), is_stable);
  }

  static void arrange(PolicySet::AtPoint& here) {
    std::array<std::vector<Rule>, 3> parts;
    for (Rule& rule : here.rules) {
      parts[rule.otherwise ? 2 : stable(rule) ? 0 : 1].push_back(std::move(rule));
    }
    here.rules.clear();
    for (std::vector<Rule>& part : parts) {
      std::move(part.begin(), part.end(), std::back_inserter(here.rules));
    }
    here.stable = parts[0].size();
    here.asked = here.stable + parts[1].size();
    for (size_t index = 0; index < here.rules.size(); ++index) {
      if (!here.rules[index].obligations.empty()) {
        here.obliging.push_back(static_cast<uint16_t>(index));
      }
    }
  }

  void check_obligations(const PolicySource& source, const RuleSource& from) {
    const bool of_member = source.point == Point::kRegister || source.point == Point::kRetire;
    const bool placed = from.obligation_places.size() == from.obligations.size();
    for (size_t index = 0; index < from.obligations.size(); ++index) {
      const Obligation& one = from.obligations[index];
      const Place& place = placed ? from.obligation_places[index] : from.place;
      if (one.kind == Obligation::Kind::kLog) continue;
      if (of_member) {
        complain(place,
                 fmt::format("{} brings nobody a packet: its obligations can only log",
                             point_name(source.point)),
                 "obligations");
      }
      if (one.kind != Obligation::Kind::kRedact) continue;
      for (const std::string& path : one.names) {
        if (valid_path(path)) continue;
        complain(place, fmt::format("redact: \"{}\" is no path; give keys joined by dots", path),
                 "obligations");
      }
    }
  }

  // Complains once a point, at the policy that is its first.
  void bound(const PolicySource& source) {
    PolicySet::AtPoint& here = at(source.point);
    const std::string_view point = point_name(source.point);
    uint64_t cost = 0;
    for (const Rule& rule : here.rules) cost += rule.condition.cost;
    if (here.rules.size() > kMostRules) {
      complain(source.place, fmt::format("{} rules have the target {}; at most {}",
                                         here.rules.size(), point, kMostRules));
    } else if (here.obliging.size() > 64) {
      complain(source.place, fmt::format("{} rules of {} have obligations; at most 64",
                                         here.obliging.size(), point));
    } else if (cost > kMostPointCost) {
      complain(source.place, fmt::format("the rules of {} may take {} steps in all; at most {}",
                                         point, cost, kMostPointCost));
    } else {
      return;
    }
    here.rules.clear();
    here.obliging.clear();
  }

  static void write(MsgpackWriter& out, const RuleSource& rule) {
    out.array(8);
    out.str(rule.name);
    out.str(rule.condition);
    out.boolean(rule.otherwise);
    out.str(verdict_name(rule.verdict));
    out.str(rule.reason);
    out.str(rule.approval.role);
    out.uint(rule.approval.expires_seconds * 2 +
             (rule.approval.on_expiry == Verdict::kAllow ? 1 : 0));
    out.array(static_cast<uint32_t>(rule.obligations.size()));
    for (const Obligation& one : rule.obligations) {
      out.array(static_cast<uint32_t>(1 + one.names.size()));
      out.uint(static_cast<uint64_t>(one.kind));
      for (const std::string& name : one.names) out.str(name);
    }
  }

  // What the policies mean, without where it stands: moving a rule down a line changes no digest.
  static std::string canonical(std::span<const PolicySource> sources) {
    std::string bytes;
    MsgpackWriter out(bytes);
    out.array(static_cast<uint32_t>(1 + sources.size()));
    out.str("phoenixflight policy set 1");
    for (const PolicySource& source : sources) {
      std::vector<RuleSource> rules = rules_of(source.requirements, source.point);
      rules.insert(rules.end(), source.rules.begin(), source.rules.end());
      out.array(static_cast<uint32_t>(4 + rules.size()));
      out.str(source.name);
      out.str(point_name(source.point));
      out.boolean(source.older);
      out.str(source.otherwise ? verdict_name(*source.otherwise) : "");
      for (const RuleSource& rule : rules) write(out, rule);
    }
    return bytes;
  }

  PolicySet set_;
  std::vector<PolicyProblem> problems_;
};

tl::expected<PolicySet, std::vector<PolicyProblem>> PolicySet::compile(
    std::span<const PolicySource> sources, Hash hash) {
  return PolicySetCompiler().run(sources, hash);
}

}  // namespace phoenix::policy
