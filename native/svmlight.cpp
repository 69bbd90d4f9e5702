// Lines of svmlight and libsvm files: "label qid:1 3:0.5 17:2 # comment".
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include <nanobind/stl/pair.h>

#include "bind.h"

namespace burly {
namespace {

// What is wrong with a line; Python knows the words.
enum Wrong { kNothing, kLabel, kIndex, kOrder, kValue, kTooLarge };

constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
bool ends_field(char c) { return is_blank(c) || c == '\n' || c == '#'; }

// The double next to a decimal number, however long.
double rounded(const char* begin, const char* end) {
#if defined(__cpp_lib_to_chars)  // knows no locale
  double value = 0;
  const auto found = std::from_chars(begin, end, value);
  if (found.ec != std::errc::result_out_of_range) return value;
  const std::string text(begin, end);
  const bool tiny = text.find("e-") != text.npos || text.find("E-") != text.npos || text.find_first_of("123456789") > text.find('.');
  value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  return text[0] == '-' ? -value : value;
#else
  return std::strtod(std::string(begin, end).c_str(), nullptr);
#endif
}

// Reads characters from `at` to `end`, the last of which is '\n'.
class Cursor {
 public:
  Cursor(const char* begin, const char* end) : at(begin), end(end) {}

  void skip_blanks() {
    while (is_blank(*at)) ++at;
  }
  void skip_field() {
    while (!ends_field(*at)) ++at;
  }

  // A whole number without a sign; false if there is none below 2^31 - 1.
  bool index(std::int64_t& value) {
    if (!is_digit(*at)) return false;
    value = 0;
    for (; is_digit(*at); ++at) {
      value = value * 10 + (*at - '0');
      if (value >= std::numeric_limits<std::int32_t>::max()) return false;
    }
    return true;
  }

  // A decimal number up to the end of the field, rounded to the nearest double.
  bool number(double& value) {
    const char* begin = at;
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+') ++at;
    std::uint64_t digits = 0;
    int n_digits = 0, exponent = 0;
    bool any = false;
    for (; is_digit(*at); ++at, any = true) take(digits, n_digits);
    if (*at == '.')
      for (++at; is_digit(*at); ++at, any = true, --exponent) take(digits, n_digits);
    if (any && (*at == 'e' || *at == 'E')) {
      const bool down = at[1] == '-';
      at += at[1] == '-' || at[1] == '+' ? 2 : 1;
      int power = 0;
      if (!is_digit(*at)) return false;
      for (; is_digit(*at); ++at) power = power < 100000 ? power * 10 + (*at - '0') : power;
      exponent += down ? -power : power;
    }
    if (!any || !ends_field(*at)) return special(begin, value);
    // Both are exact doubles, so their product or quotient is rounded once (Clinger 1990).
    if (n_digits <= 19 && digits <= (std::uint64_t{1} << 53) && exponent >= -22 && exponent <= 22) {
      const double whole = static_cast<double>(digits);
      value = exponent < 0 ? whole / kPowers[-exponent] : whole * kPowers[exponent];
      if (negative) value = -value;
      return true;
    }
    value = rounded(begin + (*begin == '+'), at);
    return true;
  }

  const char* at;
  const char* end;

 private:
  void take(std::uint64_t& digits, int& n_digits) const {
    if (n_digits < 20) digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    n_digits += n_digits > 0 || *at != '0';
  }

  // Infinity, or what is not a number.
  bool special(const char* begin, double& value) {
    at = begin;
    skip_field();
    std::string word(begin, at);
    const bool negative = word[0] == '-';
    if (word[0] == '-' || word[0] == '+') word.erase(0, 1);
    for (char& c : word) c = static_cast<char>(c | 0x20);
    if (word == "nan") value = std::numeric_limits<double>::quiet_NaN();
    else if (word == "inf" || word == "infinity") value = std::numeric_limits<double>::infinity();
    else return false;
    if (negative) value = -value;
    return true;
  }
};

struct Parsed {
  std::int64_t n_rows = 0, n_stored = 0, n_lines = 0;
  Wrong wrong = kNothing;
};

// OUT: labels[rows], starts[rows + 1], columns and values [entries]. Stops at the first line that is wrong.
template <class T>
Parsed parse(const char* text, const char* end, double* labels, std::int64_t* starts, std::int32_t* columns,
             T* values) {
  Parsed done;
  Cursor cursor(text, end);
  starts[0] = 0;
  for (; cursor.at < end; ++cursor.at, ++done.n_lines) {
    cursor.skip_blanks();
    if (*cursor.at != '\n' && *cursor.at != '#') {
      if (!cursor.number(labels[done.n_rows])) return done.wrong = kLabel, done;
      std::int64_t last = -1;
      for (cursor.skip_blanks(); *cursor.at != '\n' && *cursor.at != '#'; cursor.skip_blanks()) {
        if (*cursor.at == 'q' && last < 0 && end - cursor.at > 4 && std::string(cursor.at, 4) == "qid:") {
          cursor.skip_field();
          continue;
        }
        std::int64_t column;
        double value;
        if (!cursor.index(column) || *cursor.at != ':') return done.wrong = kIndex, done;
        ++cursor.at;
        if (column <= last) return done.wrong = kOrder, done;
        last = column;
        if (!cursor.number(value)) return done.wrong = kValue, done;
        const T rounded = static_cast<T>(value);
        if (std::isinf(rounded) && !std::isinf(value)) return done.wrong = kTooLarge, done;
        columns[done.n_stored] = static_cast<std::int32_t>(column);
        values[done.n_stored++] = rounded;
      }
      starts[++done.n_rows] = done.n_stored;
    }
    while (*cursor.at != '\n') ++cursor.at;
  }
  return done;
}

// How much room lines and entries need: every entry has a colon.
std::pair<std::int64_t, std::int64_t> sizes(In1<std::uint8_t> text) {
  nb::gil_scoped_release release;
  std::int64_t lines = 0, colons = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    lines += text.data()[i] == '\n';
    colons += text.data()[i] == ':';
  }
  return {lines, colons};
}

// The caller gives the room that `sizes` asks for. Returns rows, entries, lines and what is wrong with the next.
template <class T>
auto parse_lines(In1<std::uint8_t> text, Out1<double> labels, Out1<std::int64_t> starts, Out1<std::int32_t> columns,
                 Out1<T> values) {
  const char* begin = reinterpret_cast<const char*>(text.data());
  const char* end = begin + text.size();
  if (text.size() > 0 && end[-1] != '\n') throw std::invalid_argument("the last line does not end");
  Parsed done;
  {
    nb::gil_scoped_release release;
    done = parse<T>(begin, end, labels.data(), starts.data(), columns.data(), values.data());
  }
  return std::vector<std::int64_t>{done.n_rows, done.n_stored, done.n_lines, done.wrong};
}

}  // namespace
}  // namespace burly

NB_MODULE(_svmlight, m) {
  m.doc() = "Parses lines of svmlight files";
  m.def("sizes", &burly::sizes, nb::arg("text"));
  m.def("parseF32", &burly::parse_lines<float>, nb::arg("text"), nb::arg("labels"), nb::arg("starts"),
        nb::arg("columns"), nb::arg("values"));
  m.def("parseF64", &burly::parse_lines<double>, nb::arg("text"), nb::arg("labels"), nb::arg("starts"),
        nb::arg("columns"), nb::arg("values"));
}
