// Boost.JSON's own code, compiled once for this floor and those above it.
#include <boost/json/src.hpp>
